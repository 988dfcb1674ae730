"""Bring objects into one shape before they are compared: what a program writes, and what the API server makes of it."""

import base64
import binascii
from typing import Any

from lab.pulumi.kubernetes.objects import Object, dig, text

READ_ONLY_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)

SCHEMA_KEYS = {
    f"x_kubernetes_{key.replace('-', '_')}": f"x-kubernetes-{key}"
    for key in (
        "embedded-resource",
        "int-or-string",
        "list-map-keys",
        "list-type",
        "map-type",
        "preserve-unknown-fields",
        "validations",
    )
}
"""Pulumi's SDKs know the fields of schemas by names with underscores, because theirs cannot be attributes."""
PROGRAM_KEYS = {dashed: underscored for underscored, dashed in SCHEMA_KEYS.items()}


def rename_keys(value: Any, names: dict[str, str]) -> Any:
    """A copy in which every key, at any depth, has the name that ``names`` gives it."""
    if isinstance(value, dict):
        return {names.get(key, key): rename_keys(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [rename_keys(item, names) for item in value]
    return value


def without_read_only_metadata(obj: Object) -> Object:
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return obj
    return obj | {"metadata": {key: value for key, value in metadata.items() if key not in READ_ONLY_METADATA}}


def normalized(inputs: Object) -> Object:
    """Inputs as the API server will hold them, as far as that can be told without asking it."""
    result = without_read_only_metadata(inputs)
    kind = text(inputs, "kind")
    if kind == "CustomResourceDefinition":
        result = {key: value for key, value in result.items() if key != "status"}
        if dig(result, "spec", "preserveUnknownFields") is False:
            result["spec"] = {key: value for key, value in result["spec"].items() if key != "preserveUnknownFields"}
    elif kind == "Secret" and text(inputs, "apiVersion") == "v1":
        result = _secret_with_data(result)
    return result


def _secret_with_data(secret: Object) -> Object:
    """The API server encodes stringData into data, and encodes data anew."""
    plain, encoded = secret.get("stringData"), secret.get("data")
    data = {key: _encoded_anew(value) for key, value in encoded.items()} if isinstance(encoded, dict) else {}
    if isinstance(plain, dict):
        data |= {key: _base64(value) for key, value in plain.items()}
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    return rest | {"data": data} if data else rest


def _base64(value: Any) -> Any:
    return base64.b64encode(value.encode()).decode() if isinstance(value, str) else value


def _encoded_anew(value: Any) -> Any:
    try:
        return base64.b64encode(base64.b64decode(value)).decode() if isinstance(value, str) else value
    except binascii.Error:
        return value


def pruned(live: Any, pattern: Any) -> Any:
    """What of ``live`` the program has a say in: the fields that ``pattern``, the inputs of that time, has too.

    Lists are taken entry by entry, as far as the pattern goes.
    """
    if isinstance(live, dict) and isinstance(pattern, dict):
        return {key: pruned(value, pattern[key]) for key, value in live.items() if key in pattern}
    if isinstance(live, list) and isinstance(pattern, list):
        if live and pattern and type(live[0]) is not type(pattern[0]):
            return live
        return [pruned(value, part) for value, part in zip(live, pattern, strict=False)]
    return live
