"""What the lab itself runs in its cluster: DNS, volumes, and the stand-in for the model."""

from collections.abc import Callable
from pathlib import Path
from string import Template

from lab.node_agents import VOLUMES
from lab.nodes import DNS_ADDRESS

NAMESPACES = ("kube-system", "local-path-storage", "model")
_IMAGES = ("coredns", "local-path-provisioner", "python", "model")


def manifests(folder: Path, reference: Callable[[str], str]) -> str:
    """All add-ons' manifests as one stream. ``reference`` gives an image's full name."""
    values = {name.replace("-", "_"): reference(name) for name in _IMAGES}
    values |= {"dns_address": str(DNS_ADDRESS), "volumes": VOLUMES}
    return "\n---\n".join(Template(file.read_text()).substitute(values) for file in sorted(folder.glob("*.yaml")))
