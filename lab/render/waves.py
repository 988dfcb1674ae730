"""In which order objects must be applied: the waves of Argo CD, from the dependencies that the program declares."""

from collections import defaultdict
from collections.abc import Iterable

from lab.render.plan import Resource

DEFINITION = "CustomResourceDefinition"


def waves(resources: Iterable[Resource]) -> dict[str, int]:
    """The wave of each object that is rendered, by URN; what an object needs is in an earlier one."""
    return _Graph(resources).waves()


class _Graph:
    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_urn = {resource.urn: resource for resource in resources}
        self._children: dict[str, list[str]] = defaultdict(list)
        self._namespaces: dict[str, str] = {}
        self._definitions: dict[tuple[str, str], str] = {}
        self._waves: dict[str, int] = {}
        for urn, resource in self._by_urn.items():
            self._children[resource.parent].append(urn)
            if resource.is_rendered and resource.kind == "Namespace":
                self._namespaces[resource.name] = urn
            if resource.is_rendered and resource.kind == DEFINITION:
                spec = resource.inputs["spec"]
                self._definitions[spec["group"], spec["names"]["kind"]] = urn

    def waves(self) -> dict[str, int]:
        return {urn: self._wave(urn) for urn, resource in self._by_urn.items() if resource.is_rendered}

    def _wave(self, urn: str) -> int:
        if urn not in self._waves:
            earlier = self._needed(urn) | self._implied(self._by_urn[urn])
            # A definition needs nothing. That the program makes it later than it could has to do with deletion.
            is_first = self._by_urn[urn].kind == DEFINITION
            self._waves[urn] = 0 if is_first else max((self._wave(one) + 1 for one in earlier), default=0)
        return self._waves[urn]

    def _needed(self, urn: str) -> set[str]:
        """The objects that a resource waits for, itself or as a part of a component that waits."""
        found: set[str] = set()
        resource = self._by_urn.get(urn)
        while resource is not None:
            for needed in resource.needs:
                found |= self._objects(needed)
            resource = self._by_urn.get(resource.parent)
        return found

    def _objects(self, urn: str) -> set[str]:
        """What being there means for a resource in terms of objects: itself, or all that it consists of and needs."""
        resource = self._by_urn.get(urn)
        if resource is None:
            return set()
        if resource.is_rendered:
            return {urn}
        return self._needed(urn).union(*(self._objects(child) for child in self._children[urn]))

    def _implied(self, resource: Resource) -> set[str]:
        """What Kubernetes asks for, whatever the program says: the object's namespace, and its kind's definition."""
        group = str(resource.inputs["apiVersion"]).rpartition("/")[0]
        found = (self._namespaces.get(resource.namespace), self._definitions.get((group, resource.kind)))
        return {urn for urn in found if urn is not None}
