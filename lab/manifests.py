"""The operators' manifests, from the sources of their own modules: equal to the released files, without a download."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache, content_hash
from lab.commands import run


@dataclass(frozen=True)
class Source:
    """A Go module, and where in it the manifest is: a file, or the folder of a kustomization."""

    module: str
    path: str


SOURCES = {
    "cluster-operator": Source("github.com/rabbitmq/cluster-operator/v2", "config/installation"),
    "messaging-topology-operator": Source("github.com/rabbitmq/messaging-topology-operator", "config/installation"),
    "prometheus-operator": Source("github.com/prometheus-operator/prometheus-operator", "bundle.yaml"),
}
"""By operator."""


@dataclass(frozen=True)
class Manifests:
    """Renders manifests with kubectl and keeps them by content."""

    cache: Cache
    tools_folder: Path
    kubectl: Path

    def rendered(self, operator: str) -> Path:
        """The file with an operator's objects."""
        folder, source = self.tools_folder / "operators", SOURCES[operator]
        key = content_hash(folder / "go.mod", folder / "go.sum", Path(__file__), source.path)

        def build(directory: Path) -> None:
            module, version = _module(folder, source.module)
            found, manifest = module / source.path, directory / "manifest.yml"
            if found.is_dir():
                manifest.write_text(released(run([self.kubectl, "kustomize", found]), version))
            else:
                shutil.copyfile(found, manifest)

        return self.cache.ensure("manifests", f"{operator}-{key[:24]}", build) / "manifest.yml"


def released(kustomized: str, version: str) -> str:
    """A kustomization names the latest image; its release (``v2.16.0``) puts the release's own tag there."""
    return kustomized.replace(":latest", f":{version.removeprefix('v')}")


def _module(folder: Path, module: str) -> tuple[Path, str]:
    """Where a module's sources are, and its version."""
    run(["go", "mod", "download", module], cwd=folder)
    directory, version = run(["go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", module], cwd=folder).split()
    return Path(directory), version
