"""What is installed in this Python environment, as ``pulumi about`` shows it."""

from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def version(package: str) -> str:
    return metadata.version(package)


def dependencies(*, transitive: bool) -> list[tuple[str, str]]:
    """Installed packages with their versions, sorted; without ``transitive`` only those that no other one requires."""
    installed = {canonicalize_name(distribution.name): distribution for distribution in metadata.distributions()}
    requirements = (text for distribution in installed.values() for text in distribution.requires or [])
    required = set() if transitive else {canonicalize_name(Requirement(text).name) for text in requirements}
    return sorted((item.name, item.version) for name, item in installed.items() if name not in required)
