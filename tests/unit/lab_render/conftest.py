"""Resources of a plan, as short as they can be."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lab.render.plan import Resource

Make = Callable[..., Resource]


@pytest.fixture
def make() -> Make:
    """A Kubernetes object by default, whose URN ends with its name."""

    def made(
        kind: str,
        name: str,
        *,
        namespace: str = "",
        needs: tuple[str, ...] = (),
        parent: str = "",
        api: str = "v1",
        type_: str | None = None,
        protected: bool = False,
        by_property: Mapping[str, frozenset[str]] | None = None,
        **more: Any,
    ) -> Resource:
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {}) | more.pop("metadata", {})
        return Resource(
            urn=f"urn::{name}",
            type=type_ or f"kubernetes:{api}:{kind}",
            parent=parent,
            needs=frozenset(needs),
            needs_of_properties=by_property or {},
            protected=protected,
            inputs={"apiVersion": api, "kind": kind, "metadata": metadata, **more},
        )

    return made
