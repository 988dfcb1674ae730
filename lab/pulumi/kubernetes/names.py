"""Names for objects to which the program gives none: the resource's name and eight random digits, kept for life."""

import hashlib
import secrets
from typing import Any

from pulumi.runtime.proto.provider_pb2 import CheckRequest

from lab.pulumi.kubernetes.objects import ANNOTATION_AUTONAMED, Object, dig, is_annotated, name_of
from lab.pulumi.kubernetes.values import UNKNOWN

RANDOM_DIGITS = 8


class NameMissing(ValueError):
    """The program must give the name itself."""


def unique_name(prefix: str, seed: bytes = b"") -> str:
    """The prefix with random hexadecimal digits, which follow from the seed if there is one."""
    digits = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(RANDOM_DIGITS)
    return prefix + digits[:RANDOM_DIGITS]


def is_named(inputs: Object) -> bool:
    """Whether the program gives a name, be it one that is not known yet."""
    return bool(name_of(inputs)) or dig(inputs, "metadata", "name") is UNKNOWN


def is_autonamed(obj: Object) -> bool:
    return is_annotated(obj, ANNOTATION_AUTONAMED)


def ensure_name(inputs: Object, old_inputs: Object, resource_name: str, seed: bytes, autonaming: Any = None) -> Object:
    """The inputs with a name: the program's, else the one given earlier, else a new one.

    ``autonaming`` is the engine's configuration of names (CheckRequest.autonaming), None without one.
    """
    if is_named(inputs):
        return inputs
    if old_inputs:
        return _named(inputs, name_of(old_inputs)) if is_autonamed(old_inputs) else inputs
    if dig(inputs, "metadata", "generateName"):
        raise NameMissing(
            "metadata.generateName does not go with server-side apply: set metadata.name, or leave both out"
        )
    mode = autonaming.mode if autonaming is not None else None
    if mode == CheckRequest.AutonamingOptions.DISABLE:
        raise NameMissing("autonaming is disabled: set metadata.name")
    proposed = autonaming.proposed_name if autonaming is not None else ""
    return _named(inputs, proposed or unique_name(f"{resource_name}-", seed))


def _named(inputs: Object, name: str) -> Object:
    metadata = inputs.get("metadata") or {}
    if not isinstance(metadata, dict):
        return inputs
    annotations = metadata.get("annotations") or {}
    if isinstance(annotations, dict):
        annotations = annotations | {ANNOTATION_AUTONAMED: "true"}
    return inputs | {"metadata": metadata | {"name": name, "annotations": annotations}}
