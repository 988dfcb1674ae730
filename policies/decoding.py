"""Resources out of Pulumi's protocol, each decoded once, and only when a rule looks at it.

pulumi-policy decodes every resource anew for every policy, and drops which values are secret. The operators'
definitions are megabytes: with dozens of policies a preview would take minutes. Its three functions for this are
replaced here; ``install`` fails at the start of the pack if a version of it no longer has them.
"""

from collections.abc import Mapping
from typing import Any

import pulumi_policy.policy as sdk
from google.protobuf import json_format
from pulumi_policy import deserialize, proxy

from policies.resources import UNKNOWN, Decoded, Properties

UNKNOWNS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


class Messages:
    """Properties by their message. A message is kept with them, so that no other one can get its identity."""

    def __init__(self) -> None:
        self._properties: dict[int, tuple[Any, Properties]] = {}

    def MessageToDict(self, message: Any) -> Properties:
        known = self._properties.get(id(message))
        if known is None:
            properties = Properties(lambda: plain(json_format.MessageToDict(message)))
            known = self._properties[id(message)] = (message, properties)
        return known[1]


def install() -> None:
    """Let pulumi-policy hand each rule ``Properties``. Its proxies for unknown values are not needed beside them."""
    for name, replacement in (
        ("json_format", Messages()),
        ("deserialize_properties", lambda properties, proxy_secrets=False: properties),
        ("unknown_checking_proxy", lambda properties: properties),
    ):
        getattr(sdk, name)
        setattr(sdk, name, replacement)


def plain(properties: Mapping[str, Any]) -> Decoded:
    """Values without the protocol's wrapping, and the paths of the secret ones."""
    secrets: set[str] = set()
    return _plain(properties, "", secrets), frozenset(secrets)


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    match value:
        case list():
            return [_plain(item, f"{path}[{index}]", secrets) for index, item in enumerate(value)]
        case {deserialize.SPECIAL_SIG_KEY: deserialize.SPECIAL_SECRET_SIG}:
            secrets.add(path)
            return _plain(value.get("value"), path, secrets)
        case dict():
            return {key: _plain(item, f"{path}.{key}" if path else key, secrets) for key, item in value.items()}
        case float() if value.is_integer():
            return int(value)
        case str() if value in UNKNOWNS:
            return UNKNOWN
    return value
