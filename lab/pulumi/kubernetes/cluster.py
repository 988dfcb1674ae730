"""The verbs of the Kubernetes API on whole objects."""

from collections.abc import Sequence
from typing import Any

from lab.pulumi.kubernetes.client import APPLY_PATCH, JSON_PATCH, ApiError, Client
from lab.pulumi.kubernetes.discovery import Discovery, KindMissing
from lab.pulumi.kubernetes.kubeconfig import Endpoint
from lab.pulumi.kubernetes.objects import Kind, Object, items, kind_of, name_of, namespace_of

DRY_RUN = {"dryRun": "All"}


class Cluster:
    """One API server. Every method raises ApiError, KindMissing or Unreachable when it cannot do its work."""

    def __init__(self, endpoint: Endpoint, request_seconds: float | None = None) -> None:
        self.client = Client(endpoint, request_seconds) if request_seconds else Client(endpoint)
        self.discovery = Discovery(self.client)

    def serves(self, kind: Kind) -> bool:
        return self.discovery.find(kind) is not None

    def get(self, obj: Object) -> Object:
        """The live object of the same kind, namespace and name."""
        live: Object = self.client.get(self._path(obj))
        return live

    def find(self, obj: Object) -> Object | None:
        """Like get(), but None when there is no such object or kind."""
        try:
            return self.get(obj)
        except KindMissing:
            return None
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def list(self, kind: Kind, namespace: str, **query: str) -> list[Object]:
        """The objects of a kind in a namespace; query: labelSelector, fieldSelector."""
        found = items(self.client.get(self.discovery.resource(kind).path(namespace), query=query), "items")
        return [{"apiVersion": kind.api_version, "kind": kind.name} | obj for obj in found]

    def create(self, obj: Object, manager: str, *, dry_run: bool = False) -> Object:
        query = {"fieldManager": manager} | (DRY_RUN if dry_run else {})
        made: Object = self.client.request("POST", self.discovery.path_of(obj), query=query, body=obj)
        return made

    def apply(self, obj: Object, manager: str, *, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply: the object's fields become the manager's, those it no longer names go."""
        query = {"fieldManager": manager, "force": str(force).lower()} | (DRY_RUN if dry_run else {})
        made: Object = self.client.request("PATCH", self._path(obj), query=query, body=obj, content_type=APPLY_PATCH)
        return made

    def replace(self, obj: Object, manager: str, *, dry_run: bool = False) -> Object:
        query = {"fieldManager": manager} | (DRY_RUN if dry_run else {})
        made: Object = self.client.request("PUT", self._path(obj), query=query, body=obj)
        return made

    def patch(self, obj: Object, operations: Sequence[Any]) -> Object:
        """JSON patch (RFC 6902)."""
        made: Object = self.client.request("PATCH", self._path(obj), body=operations, content_type=JSON_PATCH)
        return made

    def delete(self, obj: Object, propagation: str) -> None:
        self.client.request("DELETE", self._path(obj), body={"propagationPolicy": propagation})

    def log(self, pod: Object, container: str, *, lines: int, previous: bool) -> str:
        """The last lines that a container printed, of its run before this one if ``previous``."""
        query = {"container": container, "tailLines": str(lines), "previous": str(previous).lower()}
        return str(self.client.get(f"{self._path(pod)}/log", query=query))

    def _path(self, obj: Object) -> str:
        return self.discovery.resource(kind_of(obj)).path(namespace_of(obj), name_of(obj))
