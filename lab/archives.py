"""Image archives in the form that ``ctr images import`` and ``buildah pull`` read, made from one layer."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """How a container of the image runs when its pod says nothing else."""

    entrypoint: tuple[str, ...] = ()
    user: str = "0:0"
    environment: Mapping[str, str] = field(default_factory=dict)

    def document(self, layer_digest: str) -> bytes:
        """The image's configuration as the archive holds it."""
        environment = {"PATH": SEARCH_PATH, **self.environment}
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": self.user,
                "Entrypoint": list(self.entrypoint),
                "Env": [f"{name}={value}" for name, value in environment.items()],
            },
            # Programs that add layers want one line of history for each layer.
            "history": [{"created_by": "eco2 lab"}],
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        }
        return json.dumps(config, sort_keys=True).encode()


def write_archive(layer: Path, config: ImageConfig, name: str, archive: Path) -> None:
    """Wrap a layer (a tar of the root file system) into an archive of the image ``name``."""
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    document = config.document(digest)
    config_name = f"{hashlib.sha256(document).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}.tar"]}]
    with tarfile.open(archive, "w") as tar:
        _add(tar, config_name, document)
        _add(tar, "manifest.json", json.dumps(manifest).encode())
        tar.add(layer, f"{digest}.tar", filter=_anonymous)


def write_layer(files: Mapping[str, Path], layer: Path) -> None:
    """A layer of just these files (path in the image → source), all of them executable, and an empty ``/tmp``."""
    with tarfile.open(layer, "w") as tar:
        directory = tarfile.TarInfo("tmp")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(directory)
        for target, source in sorted(files.items()):
            info = _anonymous(tar.gettarinfo(source, target.lstrip("/")))
            info.mode = 0o755
            with source.open("rb") as content:
                tar.addfile(info, content)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Equal content gives an equal archive, whoever made it and when."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    return info
