"""What the state keeps of an object: its live fields, the inputs that it was made from, and its field manager."""

from dataclasses import dataclass
from typing import Any

from lab.pulumi.kubernetes.objects import Object, text
from lab.pulumi.kubernetes.secrecy import marked
from lab.pulumi.kubernetes.shapes import PROGRAM_KEYS, SCHEMA_KEYS, rename_keys
from lab.pulumi.kubernetes.values import plain

INPUTS = "__inputs"
INITIAL_API_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"


@dataclass(frozen=True)
class Checkpoint:
    """A stored state, read: the inputs of that time, the live object, and what marks the object as ours."""

    inputs: Object
    live: Object
    initial_api_version: str
    field_manager: str


def from_program(properties: Any) -> Any:
    """Properties as Kubernetes has them: no marks of secrecy, Kubernetes' own keys."""
    return rename_keys(plain(properties), SCHEMA_KEYS)


def to_program(obj: Any) -> Any:
    """The inverse of from_program(), but for the marks."""
    return rename_keys(obj, PROGRAM_KEYS)


def parse(state: Object) -> Checkpoint:
    live = from_program(state)
    inputs = live.pop(INPUTS, None) or {}
    initial, manager = live.pop(INITIAL_API_VERSION, ""), live.pop(FIELD_MANAGER, "")
    return Checkpoint(inputs, live, initial or text(inputs, "apiVersion"), manager)


def build(checkpoint: Checkpoint, source: Object) -> Object:
    """The state to store. ``source`` are the properties whose secrecy it takes over."""
    state = marked(to_program(_without_managed_fields(checkpoint.live)), source)
    state[INPUTS] = marked(to_program(checkpoint.inputs), source)
    state[INITIAL_API_VERSION] = checkpoint.initial_api_version
    state[FIELD_MANAGER] = checkpoint.field_manager
    return state


def _without_managed_fields(live: Object) -> Object:
    """The state does without them: they are as long as the object itself, and asked for anew at each update."""
    metadata = live.get("metadata")
    if not isinstance(metadata, dict):
        return live
    return live | {"metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
