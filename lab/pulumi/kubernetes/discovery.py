"""Which kinds the API server serves, and under which paths."""

import threading
import time
from dataclasses import dataclass

from lab.pulumi.kubernetes.client import Client
from lab.pulumi.kubernetes.objects import CLUSTER_SCOPED, Kind, Object, items, kind_of, namespace_of, text

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
FRESH_SECONDS = 2.0
"""A kind that was not there this long ago is looked for again: a definition of it may have been created."""


class KindMissing(Exception):
    """The API server serves no such kind: its CustomResourceDefinition is not there (yet)."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"the API server knows no {kind.name} in {kind.api_version}: is its definition (CRD) created?")


@dataclass(frozen=True)
class Resource:
    """How one kind is served: ``plural`` is its name in paths."""

    kind: Kind
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of one object, or of the collection when ``name`` is empty."""
        group = f"/apis/{self.kind.group}" if self.kind.group else "/api"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{group}/{self.kind.version}{within}/{self.plural}" + (f"/{name}" if name else "")


class Discovery:
    """The API server's table of kinds, fetched at the start and again when a kind is not in it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._resources: dict[Kind, Resource] = {}
        self._fetched = float("-inf")

    def refresh(self) -> None:
        """Fetch the table anew. Raises ApiError or Unreachable."""
        with self._lock:
            self._fetch()

    def find(self, kind: Kind) -> Resource | None:
        """How a kind is served, None if it is not."""
        known = self._resources.get(kind)
        if known is None:
            with self._lock:
                if time.monotonic() - self._fetched > FRESH_SECONDS:
                    self._fetch()
            known = self._resources.get(kind)
        return known

    def resource(self, kind: Kind) -> Resource:
        """Like find(), but raises KindMissing."""
        found = self.find(kind)
        if found is None:
            raise KindMissing(kind)
        return found

    def path_of(self, obj: Object, name: str = "") -> str:
        """The path of an object's collection in its namespace, or of the object with this name."""
        return self.resource(kind_of(obj)).path(namespace_of(obj), name)

    def _fetch(self) -> None:
        groups = [
            group for root in ("/api", "/apis") for group in items(self._client.get(root, accept=AGGREGATED), "items")
        ]
        self._resources = {resource.kind: resource for group in groups for resource in _resources_of(group)}
        self._fetched = time.monotonic()


def _resources_of(group: Object) -> list[Resource]:
    return [
        Resource(
            Kind(text(group, "metadata", "name"), text(version, "version"), text(resource, "responseKind", "kind")),
            text(resource, "resource"),
            text(resource, "scope") == "Namespaced",
        )
        for version in items(group, "versions")
        for resource in items(version, "resources")
    ]


def is_namespaced(kind: Kind, discovery: Discovery | None) -> bool:
    """Whether objects of a kind live in namespaces; without a server's word all do, but for the known built-in ones."""
    if (kind.group, kind.name) in CLUSTER_SCOPED:
        return False
    found = discovery.find(kind) if discovery and not kind.built_in else None
    return found.namespaced if found else True
