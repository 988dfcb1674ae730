"""What is built once and kept: entries named by a hash of everything that they were made from."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.console import say


def content_hash(*parts: str | bytes | Path) -> str:
    """A hash over texts and files. A path stands for its content, a directory for its tree (names and contents)."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in _pieces(part):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
    return digest.hexdigest()


def _pieces(part: str | bytes | Path) -> Iterator[bytes]:
    if isinstance(part, str):
        yield part.encode()
    elif isinstance(part, bytes):
        yield part
    elif part.is_dir():
        for path in source_files(part):
            yield str(path.relative_to(part)).encode()
            yield path.read_bytes()
    else:
        yield part.read_bytes()


def source_files(directory: Path) -> list[Path]:
    """The files of a source tree, without what the interpreter leaves there."""
    return sorted(path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


class Cache:
    """A directory of entries ``<kind>/<key>/``, each made completely or not there at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entry(self, kind: str, key: str) -> Path:
        """Where an entry lies, or would lie."""
        return self.root / kind / key

    def ensure(self, kind: str, key: str, build: Callable[[Path], None]) -> Path:
        """The entry's directory; built first by ``build(empty directory)`` when it is not there."""
        entry = self.entry(kind, key)
        if not entry.is_dir():
            entry.parent.mkdir(parents=True, exist_ok=True)
            with self.temporary() as directory:
                build(directory)
                directory.rename(entry)
        os.utime(entry)
        return entry

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """A directory on the cache's file system, removed afterwards."""
        parent = self.root / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=parent))
        directory.chmod(0o755)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who builds. What a killed builder left half-made is removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another build on this machine ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.rmtree(self.root / "tmp", ignore_errors=True)
            yield

    def prune(self, kind: str, keep: Iterable[str], newest: int) -> None:
        """Remove entries of a kind except those in ``keep`` and the ``newest`` most recently used others."""
        kept = set(keep)
        directory = self.root / kind
        entries = [entry for entry in directory.iterdir() if entry.name not in kept] if directory.is_dir() else []
        entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in entries[newest:]:
            shutil.rmtree(entry, ignore_errors=True)
