"""What an update of a stack would make: a preview by the real engine, from nothing and without any cluster."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from lab.cache import Cache
from lab.errors import LabError
from lab.layout import Checkout, cache_root
from lab.lifecycle import building_tools
from lab.manifests import Manifests
from lab.preflight import check_go
from lab.stack_file import PINNED_MANIFESTS, placeholders
from lab.workspace import Workspace, official_pulumi

NO_AMBIENT_CLUSTER = {"KUBERNETES_SERVICE_HOST": "", "KUBERNETES_SERVICE_PORT": ""}
"""In a pod the official Kubernetes plugin would take the cluster around it."""


def preview(checkout: Checkout, stack: str, settings: Mapping[str, str]) -> int:
    """Print the plan; returns Pulumi's exit code. Its state is empty, and gone afterwards.

    ``settings`` are values other than the stack's own, by key. Raises ``LabError``.
    """
    own_file = checkout.root / f"Pulumi.{stack}.yaml"
    if not own_file.is_file():
        raise LabError(f"there is no stack {stack!r}: {own_file} is missing")
    own = (yaml.safe_load(own_file.read_text()) or {}).get("config") or {}
    with scratch(checkout) as place:
        programs, manifests = tools(place, unpinned=PINNED_MANIFESTS.keys() - own.keys())
        workspace = Workspace(place, stack, programs)
        workspace.install(["kubernetes", "aws"])
        workspace.configure({**placeholders(own, manifests), **settings})
        return workspace.on_terminal("preview", *policy_packs(checkout, stack), environment=NO_AMBIENT_CLUSTER)


@contextmanager
def scratch(checkout: Checkout) -> Iterator[Checkout]:
    """The checkout with a scratch directory of its own: a lab that is up is neither asked nor touched."""
    parent = checkout.scratch / "preview"
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent) as directory:
        yield Checkout(checkout.root, Path(directory))


def tools(place: Checkout, unpinned: set[str]) -> tuple[Mapping[str, Path], Mapping[str, Path]]:
    """The programs, and the operators' manifests by the key of their checksum. Builds what is needed and missing."""
    needed = (["pulumi"] if not official_pulumi() else []) + (["kubernetes"] if unpinned else [])
    if not needed:
        return {}, {}
    check_go(place)
    with building_tools(place, needed) as builder:
        programs = builder.programs()
        place.manifests.mkdir(parents=True)
        manifests = {}
        if unpinned:
            renderer = Manifests(Cache(cache_root()), place.lab / "tools", programs["kubectl"])
            for key in unpinned:
                operator = PINNED_MANIFESTS[key]
                manifests[key] = place.manifests / f"{operator}.yml"
                shutil.copyfile(renderer.rendered(operator), manifests[key])
        return programs, manifests


def policy_packs(checkout: Checkout, stack: str) -> list[str]:
    """Options for the policy packs that the checkout has, each with the stack's file of its folder."""
    options = []
    for file in sorted(checkout.root.glob("policies/**/PulumiPolicy.yaml")):
        own = file.with_name(f"{stack}.json")
        # Pulumi takes as many files as packs; an empty one leaves everything as the pack has it.
        options += [
            f"--policy-pack={file.parent}",
            f"--policy-pack-config={own if own.is_file() else os.devnull}",
        ]
    return options
