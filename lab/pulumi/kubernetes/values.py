"""Property values as the engine sends them, as Python data: with marks for secrets and for values not known yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value
from pulumi.runtime import rpc  # also lifts protobuf's limit of 100 nested messages, which custom resource schemas pass

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN_TEXTS = frozenset(
    {
        rpc.UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""What stands for a value that is only known once another resource exists; its type is no matter here."""


class Unknown:
    """The type of UNKNOWN."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Unknown":
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown and is encrypted in the state."""

    value: Any


def decode(struct: Struct) -> dict[str, Any]:
    """A message's properties as Python data. Whole numbers become int, as in the JSON that Kubernetes speaks."""
    return {key: _decode_value(value) for key, value in struct.fields.items()}


def _decode_value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text in UNKNOWN_TEXTS else text
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE_KEY in fields and fields[SIGNATURE_KEY].string_value == SECRET_SIGNATURE:
            return Secret(_decode_value(fields["value"]))
        return {key: _decode_value(item) for key, item in fields.items()}
    if kind == "list_value":
        return [_decode_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    return None


def encode(properties: Mapping[str, Any]) -> Struct:
    """Python data as a message; the inverse of decode()."""
    struct = Struct()
    _fill_struct(struct, properties)
    return struct


def _fill_struct(struct: Struct, properties: Mapping[str, Any]) -> None:
    # Filled in place: a message given to another one's constructor is copied, once for every level of nesting.
    for key, value in properties.items():
        _fill(struct.fields[key], value)


def _fill(target: Value, value: Any) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        _fill_struct(target.struct_value, value)
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for item in value:
            _fill(target.list_value.values.add(), item)
    elif isinstance(value, Secret):
        _fill_struct(target.struct_value, {SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value})
    elif value is UNKNOWN:
        target.string_value = rpc.UNKNOWN
    else:
        target.null_value = NULL_VALUE


def plain(value: Any) -> Any:
    """A copy without the marks of secrecy. Unknown values stay what they are."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether anything in the value has yet to become known."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def has_secret(value: Any) -> bool:
    """Whether anything in the value is secret."""
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(has_secret(item) for item in value)
    return isinstance(value, Secret)
