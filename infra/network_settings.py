"""Settings of who may reach whom. See infra/settings.py, which reads them, and infra/flows.py, which uses them."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated

from infra.checks import SettingsError
from infra.config_keys import Key

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class Network:
    """Lists of address ranges are separated by commas."""

    client_cidrs: Annotated[str, Key("clientCidrs")]
    """From where the API may be called: behind a load balancer its own or its clients' addresses, as it keeps them."""
    gateway_namespace: Annotated[str, Key("gatewayNamespace")]
    """Whose pods may call the API and authz. Empty: there is no gateway, and nobody calls authz."""
    kubernetes_api_cidrs: Annotated[str, Key("kubernetesApiCidrs")]
    """The API server's own addresses: policies judge a packet after its Service address was translated."""
    model_cidrs: Annotated[str, Key("modelCidrs")]
    """Of a model outside of the cluster. One that is a Service is found by its namespace."""
    store_cidrs: Annotated[str, Key("storeCidrs")]
    """Of an external Redis and PostgreSQL."""
    otlp_cidrs: Annotated[str, Key("otlpCidrs")]
    """Of a collector of traces outside of the cluster. One that is a Service is found by its namespace."""
    prometheus_namespace: Annotated[str, Key("prometheusNamespace")]
    """Whose pods may read measurements, in a cluster that has a Prometheus of its own."""
    keda_namespace: Annotated[str, Key("kedaNamespace")]
    """Whose pods may ask the brokers how long queues are, where ``workerScaling`` is KEDA's."""
    istio: Annotated[bool, Key("istio")]
    """The app's pods get sidecars. Pod Security ``restricted`` then needs Istio's CNI plugin."""

    def __post_init__(self) -> None:
        for name in ("clientCidrs", "kubernetesApiCidrs", "modelCidrs", "storeCidrs", "otlpCidrs"):
            cidrs(name, getattr(self, re.sub("([A-Z])", lambda letter: f"_{letter[0].lower()}", name)))


def cidrs(name: str, text: str) -> tuple[str, ...]:
    """The ranges in a setting's value. Raises ``SettingsError`` for what is none."""
    ranges = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in ranges:
        try:
            ip_network(part)
        except ValueError as error:
            raise SettingsError(f"{name}: {error}. Use ranges such as 10.0.0.0/8, separated by commas.") from error
    if not ranges:
        raise SettingsError(f"{name} is empty: nobody could connect. Use {ANYWHERE} for any address.")
    return ranges
