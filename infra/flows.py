"""Who may open a connection to whom: the one table from which every NetworkPolicy is computed.

What no row allows is refused, on the client's side and on the server's.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from infra import authz, character, namespaces, operators, postgres, postgres_config, rabbitmq, redis, rewards, scan
from infra.app_service import METRICS
from infra.labels import selector
from infra.monitoring import targets
from infra.network_settings import Network, cidrs
from infra.service_settings import Model, Tracing

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label by which Kubernetes itself names each namespace."""
DNS_PORT = 53
KUBERNETES_API_PORTS = (443, 6443)
"""Of managed clusters, and of those made by kubeadm."""
EPMD_PORT = 4369
ERLANG_PORT = 25672
"""Between brokers: who listens where, and everything else. https://www.rabbitmq.com/docs/networking#ports"""
ISTIOD_PORT = 15012
"""Certificates and configuration. https://istio.io/latest/docs/ops/deployment/application-requirements/"""


@dataclass(frozen=True)
class Pods:
    """Pods of one kind, by namespace and labels. ``name`` is their policies'."""

    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Namespace:
    """Every pod of a namespace."""

    name: str


@dataclass(frozen=True)
class Addresses:
    """What is outside of the cluster, or runs on a node's own address."""

    cidrs: tuple[str, ...]


Peer = Pods | Namespace | Addresses


@dataclass(frozen=True)
class Flow:
    """``client`` may connect to TCP ``ports`` of ``server``; they are the pods' own ports, not a Service's."""

    client: Peer
    server: Peer
    ports: tuple[int, ...]


def _own(namespace: str, application: str, component: str) -> Pods:
    return Pods(namespace, component, tuple(selector(application, component).items()))


def _operator(name: str) -> Pods:
    """The label that the operators' manifests select their pods by."""
    return Pods(namespaces.OPERATORS, name, (("app.kubernetes.io/name", name),))


API = _own(namespaces.SCAN, scan.APPLICATION, scan.API)
SCAN_WORKER = _own(namespaces.SCAN, scan.APPLICATION, scan.WORKER)
REWARD_WORKER = _own(namespaces.SCAN, rewards.APPLICATION, rewards.WORKER)
BEAT = _own(namespaces.SCAN, rewards.APPLICATION, rewards.BEAT)
CHARACTER, MIGRATION, WARM_UP = (
    _own(namespaces.CHARACTER, character.APPLICATION, component)
    for component in (character.SERVICE, character.MIGRATION, character.WARM_UP)
)
SAVERS = tuple(_own(namespaces.CHARACTER, character.APPLICATION, saver) for saver in character.SAVERS)
AUTHZ = _own(namespaces.AUTH, authz.APPLICATION, authz.SERVICE)
REDIS = _own(namespaces.REDIS, redis.COMPONENT, redis.COMPONENT)
POSTGRES = _own(namespaces.POSTGRES, postgres.COMPONENT, postgres.COMPONENT)
BROKERS = _own(namespaces.RABBITMQ, rabbitmq.CLUSTER, rabbitmq.COMPONENT)
CLUSTER_OPERATOR = _operator("rabbitmq-cluster-operator")
TOPOLOGY_OPERATOR = _operator("messaging-topology-operator")
PROMETHEUS = _own(namespaces.MONITORING, targets.PROMETHEUS, targets.PROMETHEUS)
PROMETHEUS_OPERATOR = Pods(namespaces.MONITORING, targets.OPERATOR, (("app.kubernetes.io/name", targets.OPERATOR),))
DNS = Pods("kube-system", "kube-dns", (("k8s-app", "kube-dns"),))
ISTIOD = Pods("istio-system", "istiod", (("app", "istiod"),))

USE_BROKER = (API, SCAN_WORKER, REWARD_WORKER, BEAT, CHARACTER, WARM_UP, *SAVERS, AUTHZ)
USE_REDIS = (API, SCAN_WORKER, REWARD_WORKER, AUTHZ)
USE_POSTGRES = (CHARACTER, MIGRATION, WARM_UP, *SAVERS)
USE_KUBERNETES = (CLUSTER_OPERATOR, TOPOLOGY_OPERATOR, BROKERS)
"""The brokers find each other by their StatefulSet's Endpoints."""
TRACED = (API, SCAN_WORKER, REWARD_WORKER, CHARACTER, *SAVERS)
"""What a scan comes through."""
IN_MESH = (API, SCAN_WORKER, REWARD_WORKER, BEAT, CHARACTER, *SAVERS, AUTHZ)
"""The pods with sidecars. A Job's would never end."""


MEASURED = (
    (API, (scan.HTTP.number,)),
    *((pods, (METRICS.number,)) for pods in (SCAN_WORKER, REWARD_WORKER, BEAT, CHARACTER, *SAVERS, AUTHZ)),
    *((pods, (METRICS.number,)) for pods in (REDIS, POSTGRES)),
    (BROKERS, (rabbitmq.METRICS_PORT,)),
    (CLUSTER_OPERATOR, (operators.CLUSTER_OPERATOR_PORT,)),
    (TOPOLOGY_OPERATOR, (operators.TOPOLOGY_OPERATOR_PORT,)),
)
"""Who has a page of measurements, and where."""


def flows(
    network: Network,
    model: Model,
    tracing: Tracing,
    *,
    amqp_port: int,
    keda: bool,
    own_redis: bool,
    own_postgres: bool,
    own_prometheus: bool,
) -> tuple[Flow, ...]:
    """All rows. DNS is not among them: every pod may ask it."""
    others = [pods for pods, own in ((REDIS, own_redis), (POSTGRES, own_postgres)) if not own]
    return (
        *(Flow(client, BROKERS, (amqp_port,)) for client in USE_BROKER),
        *_stores(network, own_redis=own_redis, own_postgres=own_postgres),
        Flow(REWARD_WORKER, CHARACTER, (character.GRPC.number,)),
        _called(SCAN_WORKER, model.base_url, cidrs("modelCidrs", network.model_cidrs)),
        *_traces(network, tracing),
        *_outside(network),
        Flow(BROKERS, BROKERS, (EPMD_PORT, ERLANG_PORT)),
        Flow(TOPOLOGY_OPERATOR, BROKERS, (rabbitmq.MANAGEMENT_PORT,)),
        *([Flow(Namespace(network.keda_namespace), BROKERS, (rabbitmq.MANAGEMENT_PORT,))] if keda else []),
        *_measurements(network, own_prometheus=own_prometheus, others=others),
        *_kubernetes(network, own_prometheus=own_prometheus),
        *(Flow(client, ISTIOD, (ISTIOD_PORT,)) for client in IN_MESH if network.istio),
    )


def _stores(network: Network, *, own_redis: bool, own_postgres: bool) -> Iterator[Flow]:
    outside = Addresses(cidrs("storeCidrs", network.store_cidrs))
    for client in USE_REDIS:
        yield Flow(client, REDIS if own_redis else outside, (redis.PORT,))
    for client in USE_POSTGRES:
        yield Flow(client, POSTGRES if own_postgres else outside, (postgres_config.PORT,))


def _outside(network: Network) -> Iterator[Flow]:
    yield Flow(Addresses(cidrs("clientCidrs", network.client_cidrs)), API, (scan.HTTP.number,))
    if network.gateway_namespace:
        gateway = Namespace(network.gateway_namespace)
        yield Flow(gateway, API, (scan.HTTP.number,))
        yield Flow(gateway, AUTHZ, (authz.GRPC.number,))


def _measurements(network: Network, *, own_prometheus: bool, others: Collection[Pods]) -> Iterator[Flow]:
    """``others`` are pods that somebody else runs."""
    client = PROMETHEUS if own_prometheus else Namespace(network.prometheus_namespace)
    for server, ports in MEASURED:
        if server not in others:
            yield Flow(client, server, ports)
    if own_prometheus:
        yield Flow(PROMETHEUS, PROMETHEUS_OPERATOR, (targets.PROMETHEUS_OPERATOR_PORT,))


def _kubernetes(network: Network, *, own_prometheus: bool) -> Iterator[Flow]:
    server = Addresses(cidrs("kubernetesApiCidrs", network.kubernetes_api_cidrs))
    for client in (*USE_KUBERNETES, *((PROMETHEUS, PROMETHEUS_OPERATOR) if own_prometheus else ())):
        yield Flow(client, server, KUBERNETES_API_PORTS)


SERVICE_HOST = re.compile(r"[^.]+\.(?P<namespace>[^.]+)\.svc(\.cluster\.local)?")


def _called(client: Pods, address: str, outside: tuple[str, ...]) -> Flow:
    """By the URL's host and port. A Service in the cluster must have the port of its pods."""
    url = urlsplit(address)
    in_cluster = SERVICE_HOST.fullmatch(url.hostname or "")
    server = Namespace(in_cluster["namespace"]) if in_cluster else Addresses(outside)
    return Flow(client, server, (url.port or {"http": 80, "https": 443}[url.scheme],))


def _traces(network: Network, tracing: Tracing) -> Iterator[Flow]:
    """Nobody may go there unless there is somewhere to go."""
    if tracing.endpoint:
        for client in TRACED:
            yield _called(client, tracing.endpoint, cidrs("otlpCidrs", network.otlp_cidrs))
