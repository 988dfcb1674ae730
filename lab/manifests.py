"""The operators' manifests, as their own modules render them: equal to the released files, without a download."""

from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache, content_hash
from lab.commands import run

MODULES = {
    "cluster-operator": "github.com/rabbitmq/cluster-operator/v2",
    "messaging-topology-operator": "github.com/rabbitmq/messaging-topology-operator",
}
"""Operator → Go module whose sources hold its kustomization."""

_KUSTOMIZATION = "config/installation"


@dataclass(frozen=True)
class Manifests:
    """Renders manifests with kubectl and keeps them by content."""

    cache: Cache
    tools_folder: Path
    kubectl: Path

    def rendered(self, operator: str) -> Path:
        """The file with an operator's objects."""
        folder = self.tools_folder / "operators"
        key = content_hash(folder / "go.mod", folder / "go.sum", _KUSTOMIZATION)

        def build(directory: Path) -> None:
            sources = _module_directory(folder, MODULES[operator])
            (directory / "manifest.yml").write_text(run([self.kubectl, "kustomize", sources / _KUSTOMIZATION]))

        return self.cache.ensure("manifests", f"{operator}-{key[:24]}", build) / "manifest.yml"


def _module_directory(folder: Path, module: str) -> Path:
    run(["go", "mod", "download", module], cwd=folder)
    return Path(run(["go", "list", "-m", "-f", "{{.Dir}}", module], cwd=folder).strip())
