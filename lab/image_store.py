"""Images on the nodes: unpacked once, then given to every node as hard links.

A store is a containerd root directory that holds the images. Unpacked images are never written to, so that nodes can
share their files; only containerd's databases are copied.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache, content_hash
from lab.commands import run
from lab.parallel import for_each
from lab.probes import probe
from lab.process import wait_until

_START_SECONDS = 20
_STOP_SECONDS = 20
_KEPT_STORES = 2
_KIND = "stores"
_FORM = "by tag and digest"
"""Of stores that are otherwise the same: those of another form are not taken for these."""


@dataclass(frozen=True)
class ImageStore:
    """Prepared stores in the cache."""

    cache: Cache
    containerd: Path
    ctr: Path

    def prepared(self, images: Mapping[str, Path]) -> Path:
        """The store with exactly these images (reference → archive)."""
        key = content_hash(_FORM, repr(sorted(images)), repr(self.containerd))
        return self.cache.ensure(_KIND, key, lambda directory: self._build(directory, images)) / "root"

    def prune(self) -> None:
        """Forget the stores that the last few changes have replaced. Nodes keep their links."""
        self.cache.prune(_KIND, [], _KEPT_STORES)

    def add_missing(self, socket: Path, images: Mapping[str, Path]) -> list[str]:
        """Import the images that a running containerd lacks, by tag and by digest; returns their references."""
        present = self.digests(socket)
        missing = [reference for reference in images if reference not in present]
        for_each(lambda name: self._ctr(socket, "import", "--local", images[name]), missing, at_once=2)
        for reference, digest in self.digests(socket).items():
            if by_digest(reference, digest) not in present:
                self._ctr(socket, "tag", reference, by_digest(reference, digest))
        return missing

    def digests(self, socket: Path) -> dict[str, str]:
        """The digest of each image of a running containerd, by every name that it has there."""
        return digests_in(self._ctr(socket, "list"))

    def _build(self, directory: Path, images: Mapping[str, Path]) -> None:
        root = directory / "root"
        if previous := self._newest():
            clone(previous, root)
        with self._running_containerd(directory) as socket:
            present = self.digests(socket)
            wanted = {*images, *(by_digest(name, present[name]) for name in images if name in present)}
            stale = [name for name in present if name not in wanted]
            if stale:
                self._ctr(socket, "remove", "--sync", *stale)
            self.add_missing(socket, images)

    def _newest(self) -> Path | None:
        directory = self.cache.root / _KIND
        entries = sorted(directory.iterdir(), key=lambda entry: entry.stat().st_mtime) if directory.is_dir() else []
        return entries[-1] / "root" if entries else None

    @contextmanager
    def _running_containerd(self, directory: Path) -> Iterator[Path]:
        with self.cache.temporary() as state:
            socket, configuration = state / "containerd.sock", state / "containerd.toml"
            configuration.write_text(_configuration(directory / "root", state, socket))
            with (state / "log").open("wb") as log:
                command = ["unshare", "--mount", str(self.containerd), "--config", str(configuration)]
                daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            try:
                wait_until(lambda: probe(f"unix:{socket}"), _START_SECONDS, "containerd that unpacks the images")
                yield socket
            finally:
                daemon.terminate()
                daemon.wait(_STOP_SECONDS)

    def _ctr(self, socket: Path, *arguments: str | Path) -> str:
        return run([self.ctr, "--address", socket, "--namespace", "k8s.io", "images", *arguments])


def by_digest(reference: str, digest: str) -> str:
    """The name of an image's content, without a tag: as containerd looks for what a pod asks for by a digest."""
    return f"{repository(reference)}@{digest}"


def repository(reference: str) -> str:
    """An image's name without tag and digest."""
    path, slash, name = reference.partition("@")[0].rpartition("/")
    return path + slash + name.partition(":")[0]


def digests_in(listing: str) -> dict[str, str]:
    """Digest by name, out of what `ctr images list` prints: a line of headings, then name, type, digest and more."""
    return {fields[0]: fields[2] for line in listing.splitlines()[1:] if (fields := line.split())}


def clone(store: Path, root: Path) -> None:
    """Make ``root`` a containerd root directory with the store's images."""
    root.parent.mkdir(parents=True, exist_ok=True)
    same_file_system = os.stat(store).st_dev == os.stat(root.parent).st_dev
    run(["cp", "--archive", *(["--link"] if same_file_system else []), store, root])
    for database in root.glob("io.*/*.db"):
        copy = database.with_suffix(".copy")
        shutil.copy2(database, copy)
        copy.replace(database)


def _configuration(root: Path, state: Path, socket: Path) -> str:
    return f"""\
version = 3
root = "{root}"
state = "{state}/state"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]

[grpc]
  address = "{socket}"

[plugins.'io.containerd.nri.v1.nri']
  disable = true

[plugins.'io.containerd.internal.v1.opt']
  path = "{state}/opt"
"""
