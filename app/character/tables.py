"""The tables of the database ``character``. The migrations make them; what they have in common with this is tested."""

import uuid

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    MetaData,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

metadata = MetaData()

catalogue_version = Sequence("catalogue_version", metadata=metadata)
"""Rises with each change of the catalogue. A change holds a lock until its commit, so versions are in that order."""

characters = Table(
    "characters",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # The middle category that earns it; null for the character that everybody is given at sign-up.
    Column("match_label", Text),
    Column("type_label", Text, nullable=False),
    Column("dialog", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    # A removed row stays, so that a message about it which comes late is known to be old.
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Index("characters_match_label", "match_label", unique=True, postgresql_where=text("NOT deleted")),
)

reward_decisions = Table(
    "reward_decisions",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("character_code", Text),
    # As the catalogue had them then: a repeated question gets the first answer, whatever has been changed since.
    Column("character_name", Text),
    Column("character_type", Text),
    Column("character_dialog", Text),
    Column("catalogue_version", BigInteger, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("status IN ('granted', 'owned', 'none')", name="reward_decisions_status"),
    CheckConstraint("(status = 'none') = (character_code IS NULL)", name="reward_decisions_character"),
    Index(
        "reward_decisions_granted_once",
        "user_id",
        "character_code",
        unique=True,
        postgresql_where=text("status = 'granted'"),
    ),
)

character_ownerships = Table(
    "character_ownerships",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("character_code", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("task_id", Uuid),
    Column("granted_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("user_id", "character_code", name="character_ownerships_once"),
)

user_characters = Table(
    "user_characters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("character_code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type_label", Text, nullable=False),
    Column("dialog", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("user_id", "character_code", name="user_characters_once"),
)

_OWNERSHIPS = uuid.uuid5(uuid.NAMESPACE_DNS, "ownership.eco2")


def ownership_id(user_id: str, character_code: str) -> uuid.UUID:
    """The id of the rows that say that this user has this character: the same whoever writes them, and how often."""
    return uuid.uuid5(_OWNERSHIPS, f"{user_id}|{character_code}")
