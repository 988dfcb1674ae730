"""Find and read a kubeconfig: which API server to talk to, and how to prove who we are.

Client certificates and tokens are understood. Credentials that a command fetches (``exec``, as managed clusters use)
are the official provider's business.
"""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab.pulumi.kubernetes.objects import dig, items, text

DEFAULT_NAMESPACE = "default"


class KubeconfigError(Exception):
    """There is no kubeconfig, or it cannot be used; the message says why."""


@dataclass(frozen=True)
class Endpoint:
    """An API server with everything that a connection needs. ``tls`` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    headers: dict[str, str] = field(default_factory=dict)
    namespace: str = DEFAULT_NAMESPACE

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


def load(given: str) -> dict[str, Any]:
    """The kubeconfig from a provider's setting (content or path), else $KUBECONFIG, else ~/.kube/config.

    Several files in $KUBECONFIG are merged, the first one to name a thing wins. Paths inside are made absolute.
    """
    if given and not Path(given).expanduser().is_file():
        return _parse(given, Path.cwd(), "the provider's kubeconfig")
    places = [given] if given else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    files = [Path(place).expanduser() for place in places if place] or [Path("~/.kube/config").expanduser()]
    merged: dict[str, Any] = {}
    for file in files:
        if file.is_file():
            config = _parse(file.read_text(), file.parent, str(file))
            for key, value in config.items():
                if isinstance(value, list):
                    merged[key] = merged.get(key, []) + value
                elif value:
                    merged.setdefault(key, value)
    if not merged:
        raise KubeconfigError(f"there is no kubeconfig at {', '.join(map(str, files))}: set KUBECONFIG")
    return merged


def endpoint(config: dict[str, Any], *, context: str = "", cluster: str = "") -> Endpoint:
    """The API server of the current (or the named) context."""
    context = context or text(config, "current-context")
    if not context:
        raise KubeconfigError("the kubeconfig has no current context")
    chosen = _named(config, "contexts", context, "context")
    server = _named(config, "clusters", cluster or text(chosen, "cluster"), "cluster")
    user = _named(config, "users", text(chosen, "user"), "user") if text(chosen, "user") else {}
    if "exec" in user or "auth-provider" in user:
        raise KubeconfigError("credentials from a command are not supported here: use the official Kubernetes plugin")
    address = urlsplit(text(server, "server"))
    if not address.hostname:
        raise KubeconfigError(f"cluster {cluster or text(chosen, 'cluster')!r} names no server")
    secure = address.scheme == "https"
    return Endpoint(
        host=address.hostname,
        port=address.port or (443 if secure else 80),
        tls=_tls(server, user) if secure else None,
        headers=_authorization(user),
        namespace=text(chosen, "namespace") or DEFAULT_NAMESPACE,
    )


def _parse(content: str, folder: Path, origin: str) -> dict[str, Any]:
    try:
        config = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{origin} is not YAML: {error}") from error
    if not isinstance(config, dict):
        raise KubeconfigError(f"{origin} is neither a file nor a kubeconfig's content")
    for entry in [*items(config, "clusters"), *items(config, "users")]:
        for settings in (value for value in entry.values() if isinstance(value, dict)):
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if settings.get(key):
                    settings[key] = str(folder / settings[key])
    return config


def _named(config: dict[str, Any], plural: str, name: str, singular: str) -> dict[str, Any]:
    for entry in items(config, plural):
        if entry.get("name") == name:
            return entry.get(singular) or {}
    raise KubeconfigError(f"the kubeconfig has no {singular} {name!r}")


def _tls(server: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=server.get("certificate-authority"),
        cadata=_decoded(server, "certificate-authority-data"),
    )
    if server.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = user.get("client-certificate"), user.get("client-key")
    if certificate and key:
        context.load_cert_chain(certificate, key)
    elif "client-certificate-data" in user:
        # The ssl module reads certificates from files only.
        with tempfile.NamedTemporaryFile("w") as both:
            both.write(f"{_decoded(user, 'client-certificate-data')}\n{_decoded(user, 'client-key-data')}")
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _decoded(settings: dict[str, Any], key: str) -> str | None:
    return base64.b64decode(settings[key]).decode() if settings.get(key) else None


def _authorization(user: dict[str, Any]) -> dict[str, str]:
    token = dig(user, "token")
    if not token and user.get("tokenFile"):
        token = Path(user["tokenFile"]).read_text().strip()
    return {"Authorization": f"Bearer {token}"} if token else {}
