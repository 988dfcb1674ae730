"""No secret in plain: in no environment, no ConfigMap, and not in the stack's state."""

import re
from collections.abc import Iterator
from typing import Any

from policies.objects import WORKLOADS, pods_of
from policies.resources import Resource, mapping, sequence
from policies.rule import ResourceRule, Setting, Settings, Violation

NAMES = re.compile(r"(?i)(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|_PASS$)")
TEXTS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    re.compile(r"[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@$]+@"),
    re.compile(
        r"(?im)^\s*(?:requirepass|masterauth|[\w.-]*password|[\w.-]*secret|[\w.-]*token)\s*[ :=]\s*[^\s$<{(]\S{7,}\s*$"
    ),
)
"""Keys, and passwords in URLs and in lines of configuration. What begins with $ or is in brackets is put in later."""
OPTION = re.compile(r"(?i)^--?[\w-]*(password|secret|token|api-?key)[\w-]*=(?!\$)\S+")


def looks_secret(text: Any) -> bool:
    return isinstance(text, str) and any(pattern.search(text) for pattern in TEXTS)


def forbid_literal_secrets(resource: Resource, settings: Settings) -> Iterator[Violation]:
    if (pods := pods_of(resource)) is None:
        return
    for container in pods.containers:
        for index, entry in enumerate(map(mapping, sequence(container.get("env")))):
            name, value = str(entry.get("name", "")), entry.get("value")
            by_name = NAMES.search(name) and name not in settings["harmless"] and not name.endswith(("_FILE", "_PATH"))
            if value and (by_name or looks_secret(value)):
                yield Violation(resource, container.at(f"env[{index}].value"), f"{name} in plain", "a secretKeyRef")
        for key in ("command", "args"):
            for index, word in enumerate(sequence(container.get(key))):
                if isinstance(word, str) and (OPTION.search(word) or looks_secret(word)):
                    found = f"{word.partition('=')[0][:40]} in plain"
                    yield Violation(resource, container.at(f"{key}[{index}]"), found, "a file of a mounted Secret")


def forbid_secrets_in_config_maps(config_map: Resource, settings: Settings) -> Iterator[Violation]:
    for key, text in mapping(config_map.get("data")).items():
        if looks_secret(text) or config_map.is_secret(f"data.{key}"):
            yield Violation(config_map, f"data.{key}", "a secret in plain", "a Secret")


def keep_secrets_encrypted(secret: Resource, settings: Settings) -> Iterator[Violation]:
    """The engine encrypts in its state what the program has marked as a secret."""
    for field in ("data", "stringData"):
        for key, value in mapping(secret.get(field)).items():
            if value and not secret.is_secret(f"{field}.{key}"):
                yield Violation(secret, f"{field}.{key}", "kept in plain in Pulumi's state", "a secret output")
    if secret.get("stringData"):
        yield Violation(secret, "stringData", "set", "data: the API server never gives stringData back")


RULES = (
    ResourceRule(
        name="forbid-literal-secrets",
        description="No container is given a secret in plain, where everybody who may see the pod reads it.",
        remedy="Put it into a Secret by infra/credentials.py",
        settings={"harmless": Setting([], "names of variables that only sound like a secret")},
        kinds=WORKLOADS,
        check=forbid_literal_secrets,
    ),
    ResourceRule(
        name="forbid-secrets-in-config-maps",
        description="No ConfigMap holds a secret.",
        remedy="Put it into a Secret by infra/credentials.py",
        kinds=("ConfigMap",),
        check=forbid_secrets_in_config_maps,
    ),
    ResourceRule(
        name="keep-secrets-encrypted",
        description="What is in a Secret is encrypted in Pulumi's state.",
        remedy="Wrap it in pulumi.Output.secret, as secret of infra/credentials.py does",
        kinds=("Secret",),
        check=keep_secrets_encrypted,
    ),
)
