"""Policies, which programs may write as objects: the official plugin turns them to the text that AWS has."""

import json
from collections.abc import Mapping
from typing import Any

from lab.pulumi.kubernetes.values import UNKNOWN, Secret, has_secret, has_unknown, plain

DOCUMENTS = ("assumeRolePolicy", "policy")
"""Inputs that hold a policy."""


def with_texts(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with each policy as JSON. One that holds what is not known yet is not known itself."""
    return {key: _text(value) if key in DOCUMENTS else value for key, value in inputs.items()}


def _text(document: Any) -> Any:
    if not isinstance(plain(document), Mapping):
        return document
    if has_unknown(document):
        return UNKNOWN
    text = json.dumps(plain(document), sort_keys=True, separators=(",", ":"))
    return Secret(text) if has_secret(document) else text
