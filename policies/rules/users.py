"""RabbitMQ's users and what they may touch."""

import re
from collections.abc import Iterator
from typing import Any

from policies.resources import Resource, Stack, sequence
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation

OPERATIONS = ("configure", "write", "read")
STRANGER = "nobody.has.this-name_0"
"""A name that no pattern for named things takes."""


def grants(pattern: Any, name: str) -> bool:
    """Whether RabbitMQ would let a user with this pattern at the name; it looks for the pattern anywhere in it."""
    if not pattern:
        return False
    try:
        return re.search(str(pattern), name) is not None
    except re.error:
        return False


def forbid_powerful_tags(user: Resource, settings: Settings) -> Iterator[Violation]:
    for tag in sequence(user.get("spec.tags")):
        if tag in settings["tags"]:
            yield Violation(user, "spec.tags", tag, f"none of {', '.join(settings['tags'])}")


def forbid_wildcard_permissions(permission: Resource, settings: Settings) -> Iterator[Violation]:
    for operation in OPERATIONS:
        path = f"spec.permissions.{operation}"
        pattern = permission.get(path, "")
        if re.search(r"(?<!\\)\.[*+]", str(pattern)) or grants(pattern, STRANGER):
            yield Violation(permission, path, pattern, "the names that the service uses, anchored by ^( and )$")
        elif pattern and not str(pattern).startswith("^"):
            yield Violation(permission, path, pattern, "a pattern that begins with ^")


def require_known_users(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """Each permission is of a user in its namespace, and each user has one: otherwise it may do what others gave it."""
    users = {(user.namespace, user.object_name): user for user in stack.of("User")}
    granted = set()
    for permission in stack.of("Permission"):
        name = permission.get("spec.userReference.name")
        granted.add((permission.namespace, name))
        if (permission.namespace, name) not in users:
            wanted = f"a User in the namespace {permission.namespace}"
            yield Violation(permission, "spec.userReference.name", name, wanted)
    for key, user in users.items():
        if key not in granted:
            yield Violation(user, "metadata.name", f"{user.object_name} without a Permission", "with one")


RULES = (
    ResourceRule(
        name="forbid-powerful-users",
        description="No user of the app may administer the broker.",
        remedy="Leave the tag out: a service needs permissions, not tags",
        settings={"tags": Setting(["administrator", "policymaker"], "tags that nobody may have")},
        kinds=("User",),
        check=forbid_powerful_tags,
    ),
    ResourceRule(
        name="forbid-wildcard-permissions",
        description="A user may touch what it is named, and nothing else.",
        remedy="Name it in the Service in app/topology.py",
        kinds=("Permission",),
        check=forbid_wildcard_permissions,
    ),
    StackRule(
        name="require-known-users",
        description="Each permission has its user, and each user its permission.",
        remedy="Make both by User of infra/users.py",
        check=require_known_users,
    ),
)
