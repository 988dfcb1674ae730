"""The words of a reward, as its askers and the service share them."""

from dataclasses import dataclass
from enum import StrEnum


class RewardStatus(StrEnum):
    """What a scan is worth to its user. The values are also those of the database."""

    NONE = "none"
    GRANTED = "granted"
    """The user has earned the character with this scan."""
    OWNED = "owned"
    """The scan is worth a character that the user already has."""


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What the model has seen. Only recyclable waste has a middle category."""

    major_category: str
    middle_category: str | None = None
    minor_category: str | None = None


@dataclass(frozen=True, kw_only=True)
class Character:
    """A character as it was when it was decided on. All but ``code`` are shown to the user."""

    code: str
    name: str
    type: str
    dialog: str


@dataclass(frozen=True, kw_only=True)
class Reward:
    """The decision on one scan. ``character`` is None when the status is ``none``."""

    status: RewardStatus
    character: Character | None
    catalogue_version: int
