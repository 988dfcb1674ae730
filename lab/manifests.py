"""The operators' manifests, from the sources of their own modules: equal to the released files, without a download."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache, content_hash
from lab.commands import run
from lab.tools import required_version


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
        version = required_version((folder / "go.mod").read_text(), source.module).removeprefix("v")
        key = content_hash(folder / "go.mod", folder / "go.sum", source.path, "image versions")

        def build(directory: Path) -> None:
            found, manifest = _module_directory(folder, source.module) / source.path, directory / "manifest.yml"
            if found.is_dir():
                text = run([self.kubectl, "kustomize", found])
                # In a release the image has its version; in the sources it has none yet.
                manifest.write_text(re.sub(r"(?m)^( *image: \S+):latest$", rf"\1:{version}", text))
            else:
                shutil.copyfile(found, manifest)

        return self.cache.ensure("manifests", f"{operator}-{key[:24]}", build) / "manifest.yml"


def _module_directory(folder: Path, module: str) -> Path:
    run(["go", "mod", "download", module], cwd=folder)
    return Path(run(["go", "list", "-m", "-f", "{{.Dir}}", module], cwd=folder).strip())
