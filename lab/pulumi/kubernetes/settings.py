"""The provider's configuration: the stack's (``kubernetes:…``), an explicit Provider's arguments, the environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "kubernetes:config:"
ENVIRONMENT_PREFIX = "PULUMI_K8S_"


class SettingsError(ValueError):
    """The configuration asks for something that this stand-in does not do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The part of the official provider's configuration that means something here; the rest is accepted and unused.

    ``request_seconds`` bounds one request to the API server, None for the default.
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    patch_force: bool = False
    upsert_existing: bool = False
    mutable_config_maps: bool = False
    mutable_secrets: bool = False
    request_seconds: float | None = None


def read(variables: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings from a Configure request's variables; a flag that is not among them may stand in the environment.

    Raises SettingsError for the modes that would act in another way altogether: client-side apply and rendering.
    """

    def flag(name: str, variable: str, *, default: bool = False) -> bool:
        value = variables.get(PREFIX + name, environment.get(ENVIRONMENT_PREFIX + variable))
        return default if value is None else value.lower() in ("true", "1", "t")

    if not flag("enableServerSideApply", "ENABLE_SERVER_SIDE_APPLY", default=True):
        raise SettingsError("enableServerSideApply: false is not supported here: use the official Kubernetes plugin")
    if variables.get(PREFIX + "renderYamlToDirectory"):
        raise SettingsError("renderYamlToDirectory is not supported here: use the official Kubernetes plugin")
    seconds = json.loads(variables.get(PREFIX + "kubeClientSettings") or "{}").get("timeout")
    return Settings(
        kubeconfig=variables.get(PREFIX + "kubeconfig", ""),
        context=variables.get(PREFIX + "context", ""),
        cluster=variables.get(PREFIX + "cluster", ""),
        namespace=variables.get(PREFIX + "namespace", ""),
        delete_unreachable=flag("deleteUnreachable", "DELETE_UNREACHABLE"),
        skip_update_unreachable=flag("skipUpdateUnreachable", "SKIP_UPDATE_UNREACHABLE"),
        patch_force=flag("enablePatchForce", "ENABLE_PATCH_FORCE"),
        upsert_existing=flag("upsertExistingObjects", "UPSERT_EXISTING_OBJECTS"),
        mutable_config_maps=flag("enableConfigMapMutable", "ENABLE_CONFIGMAP_MUTABLE"),
        mutable_secrets=flag("enableSecretMutable", "ENABLE_SECRET_MUTABLE"),
        request_seconds=float(seconds) if seconds else None,
    )
