"""The stack's configuration with the lab's values laid over it; pure functions over YAML documents."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.nodes import NODES

NAMESPACE = "eco2"

SECRETS = ("modelApiKey", "redisPassword", "postgresPassword")
"""Keys whose values the lab makes up at random."""

_IMAGE_KEYS = {
    "appImage": "app",
    "rabbitmqImage": "rabbitmq",
    "redisImage": "redis",
    "postgresImage": "postgres",
    "clusterOperatorImage": "cluster-operator",
    "topologyOperatorImage": "topology-operator",
    "prometheusImage": "prometheus",
    "prometheusOperatorImage": "prometheus-operator",
    "prometheusConfigReloaderImage": "prometheus-config-reloader",
    "redisExporterImage": "redis-exporter",
    "postgresExporterImage": "postgres-exporter",
}

_MANIFEST_KEYS = {
    "clusterOperatorManifest": "cluster-operator",
    "topologyOperatorManifest": "messaging-topology-operator",
    "prometheusOperatorManifest": "prometheus-operator",
}

_PLAIN_VALUES = {
    "modelBaseUrl": "http://model.model.svc.cluster.local:8000/v1",
    "storageClass": "gp3",
    "kubernetesApiCidrs": f"{NODES['dev'][0].address}/32",
    # No load balancer here: the host reaches Services by their own addresses.
    "apiServiceType": "ClusterIP",
    # There is no registry to ask: each node has the images.
    "imagePullPolicy": "IfNotPresent",
    # Debian's (lab/debian.py).
    "prometheusVersion": "2.53.3",
    # The lab has its own nodes and volumes, and nobody's account.
    "awsClusterName": "",
}


def lab_values(image: Callable[[str], str], manifest: Callable[[str], Path]) -> dict[str, str]:
    """Plain values by key: images and manifests of the lab, and what else differs from a cloud."""
    values = dict(_PLAIN_VALUES)
    values |= {key: image(name) for key, name in _IMAGE_KEYS.items()}
    for key, tool in _MANIFEST_KEYS.items():
        file = manifest(tool)
        values |= {key: str(file), f"{key}Sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return values


PINNED_MANIFESTS = {f"{NAMESPACE}:{key}Sha256": tool for key, tool in _MANIFEST_KEYS.items()}
"""Operator by the full key of its manifest's checksum. A stack file without the checksum has not chosen a manifest."""

_PLACEHOLDERS = {
    "appImage": f"registry.example/eco2-app@sha256:{'0' * 64}",
    "awsSubnetIds": "subnet-00000001,subnet-00000002,subnet-00000003",
    "awsClusterSecurityGroupId": "sg-00000001",
    "awsVpcId": "vpc-00000001",
}
"""What a stack cannot be previewed without, by key; the values mean nothing."""

_NO_DIGEST = f"sha256:{'0' * 64}"
"""Of no image: a placeholder that a registry would refuse."""


def placeholders(own: Mapping[str, Any], manifests: Mapping[str, Path]) -> dict[str, str]:
    """Values for a preview by key: what the stack's own configuration leaves to be set, and nothing that it sets.

    ``manifests`` are those to use for the operators, by the full keys of their checksums.
    """
    unset = dict(_PLACEHOLDERS)
    if own.get(f"{NAMESPACE}:imageDigests") == "required":
        unset |= {key: f"registry.example/{name}:preview@{_NO_DIGEST}" for key, name in _IMAGE_KEYS.items()}
    values = {key: value for key, value in unset.items() if f"{NAMESPACE}:{key}" not in own}
    for key, file in manifests.items():
        name = key.removeprefix(f"{NAMESPACE}:")
        values |= {name.removesuffix("Sha256"): str(file), name: hashlib.sha256(file.read_bytes()).hexdigest()}
    return values


def missing_secrets(encrypted: Mapping[str, Any]) -> list[str]:
    """Full keys of the secrets that a stack file with the lab's secrets lacks: it may be older than some of them."""
    config = encrypted.get("config") or {}
    return [key for key in (f"{NAMESPACE}:{name}" for name in SECRETS) if key not in config]


def merged(stack: Mapping[str, Any], values: Mapping[str, str], encrypted: Mapping[str, Any]) -> dict[str, Any]:
    """One stack file's content out of three.

    ``stack`` is the stack's own file, ``values`` are laid over it, ``encrypted`` is a stack file that holds the lab's
    secrets with the salt that they are encrypted with. Secrets of the stack's own file are left out: they are encrypted
    with a passphrase that the lab does not have.
    """
    readable = {key: value for key, value in (stack.get("config") or {}).items() if not _is_encrypted(value)}
    return {
        "encryptionsalt": encrypted["encryptionsalt"],
        "config": {
            **readable,
            **{f"{NAMESPACE}:{key}": value for key, value in values.items()},
            **(encrypted.get("config") or {}),
        },
    }


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, Mapping) and "secure" in value
