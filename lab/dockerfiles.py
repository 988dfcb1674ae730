"""Builds a Dockerfile with buildah, in the form in which users build it with Docker."""

import ast
import re
import shutil
import sys
from pathlib import Path

from lab.cache import source_files
from lab.commands import run, succeeds

_CERTIFICATES = Path("/etc/ssl/certs")
_BUNDLE = _CERTIFICATES / "ca-certificates.crt"
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "cert", "client-cert")
"""Settings of this machine's pip that also hold inside a build: how to reach the package index."""


class Buildah:
    """buildah with a storage of its own.

    It runs in a mount namespace of its own too, because its storage stays mounted otherwise.
    """

    def __init__(self, storage: Path) -> None:
        self._command = [
            *("unshare", "--mount", "buildah", "--storage-driver", "overlay"),
            *("--root", str(storage / "root"), "--runroot", str(storage / "run")),
        ]

    def build(self, context: Path, *, base: str, base_archive: Path, name: str, directory: Path) -> None:
        """Build ``context/Dockerfile`` with ``ARG BASE`` set, into ``directory/image.tar``."""
        if not succeeds([*self._command, "inspect", "--type", "image", base]):
            run([*self._command, "pull", f"docker-archive:{base_archive}"])
        sources = directory / "context"
        for path in source_files(context):
            target = sources / path.relative_to(context)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        pip_configuration = directory / "pip.conf"
        pip_configuration.write_text(pip_settings(run([sys.executable, "-m", "pip", "config", "list"])))
        mounts = (f"{_CERTIFICATES}:{_CERTIFICATES}:ro", f"{pip_configuration}:/etc/pip.conf:ro")
        run(
            [
                *(*self._command, "bud", "--isolation", "chroot", "--layers", "--pull-never"),
                *(f"--volume={mount}" for mount in mounts),
                *("--build-arg", f"BASE={base}", "--tag", name, sources),
            ]
        )
        run([*self._command, "push", name, f"docker-archive:{directory / 'image.tar'}:{name}"])
        shutil.rmtree(sources)
        pip_configuration.unlink()

    def prune(self, keep: set[str]) -> None:
        """Forget images other than these, with the layers that only they use."""
        names = run([*self._command, "images", "--format", "{{.Name}}:{{.Tag}}"]).split()
        stale = [name for name in names if name not in keep and "<none>" not in name]
        if stale:
            run([*self._command, "rmi", "--force", *stale])


def pip_settings(listing: str) -> str:
    """A pip.conf for the build, from what ``pip config list`` prints on this machine.

    A line is ``level.name='value'``; later lines win, as in pip.
    """
    values = {"cert": str(_BUNDLE)} if _BUNDLE.exists() else {}
    for line in listing.splitlines():
        found = re.fullmatch(r"[\w:]+\.([\w-]+)=(.+)", line.strip())
        if found and found.group(1) in _PIP_SETTINGS:
            values[found.group(1)] = str(ast.literal_eval(found.group(2))).replace("\n", " ")
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in sorted(values.items())), ""])
