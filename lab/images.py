"""The lab's container images: one row each, named by their content, built when they are not in the cache."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lab.archives import SEARCH_PATH, ImageConfig, write_archive, write_layer
from lab.cache import Cache, content_hash
from lab.console import say
from lab.debian import Account, RootFileSystem
from lab.dockerfiles import Buildah
from lab.parallel import results
from lab.tools import ToolBuilder

RABBITMQ_UID = 999
"""The user that the cluster operator runs brokers as."""

POSTGRES_PROGRAMS = "/usr/lib/postgresql/17/bin"

_KEPT_BUILDS = 3
_PARALLEL_BUILDS = 2


@dataclass(frozen=True, kw_only=True)
class DebianImage:
    """A program from Debian's packages."""

    name: str
    files: RootFileSystem
    config: ImageConfig = field(default_factory=ImageConfig)


@dataclass(frozen=True, kw_only=True)
class ProgramImage:
    """Nothing but a program of one of the lab's tools, at ``path``. Without ``program`` it is named like the tool."""

    name: str
    tool: str
    program: str | None = None
    path: str
    config: ImageConfig


@dataclass(frozen=True, kw_only=True)
class DockerfileImage:
    """A folder with a Dockerfile (path from the checkout's root), on another image of this table."""

    name: str
    context: str
    base: str


Image = DebianImage | ProgramImage | DockerfileImage

IMAGES: tuple[Image, ...] = (
    DebianImage(
        name="python",
        files=RootFileSystem(
            packages=("python3", "python3-pip", "python3-venv", "ca-certificates"),
            # As in the public Python images: plain names, and pip may install beside the distribution's packages.
            finish="ln -s python3 $1/usr/bin/python && rm -f $1/usr/lib/python3.*/EXTERNALLY-MANAGED",
        ),
    ),
    DockerfileImage(name="app", context="app", base="python"),
    DebianImage(
        name="rabbitmq",
        files=RootFileSystem(
            packages=("rabbitmq-server",),
            account=Account(name="rabbitmq", number=RABBITMQ_UID, home="/var/lib/rabbitmq"),
            # The package's own settings would override what the operator mounts.
            finish="rm -f $1/etc/rabbitmq/rabbitmq-env.conf && "
            "chroot $1 chown -R rabbitmq:rabbitmq /etc/rabbitmq /var/lib/rabbitmq /var/log/rabbitmq",
        ),
        config=ImageConfig(
            entrypoint=("rabbitmq-server",),
            user=f"{RABBITMQ_UID}:{RABBITMQ_UID}",
            environment={
                # The scripts in /usr/sbin drop privileges with a tool that needs root; these do not.
                "PATH": "/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/var/lib/rabbitmq",
                "LANG": "C.UTF-8",
                "RABBITMQ_LOGS": "-",
            },
        ),
    ),
    DebianImage(
        name="postgres",
        files=RootFileSystem(
            packages=("postgresql-17",),
            # The package makes a database of its own when it is installed. Half of it is a compiler of queries.
            finish="cd $1 && rm -rf var/lib/postgresql/17 etc/postgresql/17 usr/lib/postgresql/17/lib/llvmjit.so "
            "usr/lib/postgresql/17/lib/bitcode usr/lib/*/libLLVM* usr/lib/*/libz3*",
        ),
        config=ImageConfig(
            entrypoint=("postgres",),
            user="10001:10001",
            environment={"PATH": f"{SEARCH_PATH}:{POSTGRES_PROGRAMS}", "LANG": "C.UTF-8"},
        ),
    ),
    DebianImage(
        name="redis",
        files=RootFileSystem(packages=("redis-server",)),
        config=ImageConfig(entrypoint=("redis-server",), user="10001:10001"),
    ),
    DebianImage(
        name="prometheus",
        files=RootFileSystem(packages=("prometheus",)),
        config=ImageConfig(entrypoint=("prometheus",), user="10001:10001"),
    ),
    *(
        DebianImage(
            name=f"{store}-exporter",
            files=RootFileSystem(packages=(f"prometheus-{store}-exporter",)),
            config=ImageConfig(entrypoint=(f"prometheus-{store}-exporter",), user="10001:10001"),
        )
        for store in ("redis", "postgres")
    ),
    DebianImage(
        name="model-base",
        files=RootFileSystem(packages=("python3", "python3-starlette", "python3-uvicorn", "python3-pil")),
    ),
    DockerfileImage(name="model", context="lab/model", base="model-base"),
    ProgramImage(
        name="cluster-operator",
        tool="operators",
        program="cluster-operator",
        path="/manager",
        config=ImageConfig(entrypoint=("/manager",), user="1000:1000"),
    ),
    ProgramImage(
        name="topology-operator",
        tool="operators",
        program="messaging-topology-operator",
        path="/manager",
        config=ImageConfig(entrypoint=("/manager",), user="1000:1000"),
    ),
    ProgramImage(
        name="coredns", tool="coredns", path="/coredns", config=ImageConfig(entrypoint=("/coredns",), user="1000:1000")
    ),
    ProgramImage(
        name="local-path-provisioner",
        tool="operators",
        program="local-path-provisioner",
        path="/usr/bin/local-path-provisioner",
        config=ImageConfig(entrypoint=("local-path-provisioner",), user="1000:1000"),
    ),
    ProgramImage(
        name="prometheus-operator",
        tool="operators",
        program="prometheus-operator",
        path="/bin/operator",
        config=ImageConfig(entrypoint=("/bin/operator",), user="65534:65534"),
    ),
    ProgramImage(
        name="prometheus-config-reloader",
        tool="operators",
        program="prometheus-config-reloader",
        path="/bin/prometheus-config-reloader",
        config=ImageConfig(entrypoint=("/bin/prometheus-config-reloader",), user="65534:65534"),
    ),
    ProgramImage(
        name="pause", tool="pause", path="/pause", config=ImageConfig(entrypoint=("/pause",), user="65535:65535")
    ),
)
"""Every image, slowest build first. A row may build on the rows above it."""

BASES = {"model-base"}
"""Images that only others are built on; nodes do not get them."""


class ImageBuilder:
    """Builds images in the background; whoever needs one waits for that one only."""

    def __init__(self, cache: Cache, root: Path, tools: ToolBuilder) -> None:
        self._cache, self._root, self._tools = cache, root, tools
        self._buildah = Buildah(cache.root / "buildah")
        self._buildah_lock = threading.Lock()
        self._slots = threading.Semaphore(_PARALLEL_BUILDS)
        self._keys: dict[str, str] = {}
        for image in IMAGES:
            self._keys[image.name] = self._key(image)
        self._pool = ThreadPoolExecutor(len(IMAGES), thread_name_prefix="images")
        self._futures: dict[str, Future[Path]] = {}
        for image in IMAGES:
            self._futures[image.name] = self._pool.submit(self._ensure, image)

    def reference(self, name: str) -> str:
        """The full name that pods use."""
        return f"localhost/eco2/{name}:{self._keys[name][:12]}"

    def archive(self, name: str) -> Path:
        """The image's archive, once it is built."""
        return self._futures[name].result()

    def for_nodes(self) -> dict[str, Path]:
        """Reference and archive of every image that pods use, once all are built."""
        results(self._futures.values())
        return {self.reference(image.name): self.archive(image.name) for image in IMAGES if image.name not in BASES}

    def prune(self) -> None:
        """Forget builds that the last few changes have replaced."""
        for image in IMAGES:
            self._cache.prune(f"images/{image.name}", [self._keys[image.name]], _KEPT_BUILDS - 1)
        self._buildah.prune({self.reference(image.name) for image in IMAGES})

    def close(self) -> None:
        """Drop what has not begun yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _key(self, image: Image) -> str:
        match image:
            case DebianImage():
                return content_hash(image.files.recipe(), image.config.document(""))
            case ProgramImage():
                return content_hash(
                    self._tools.keys[image.tool], image.program or "", image.path, image.config.document("")
                )
            case DockerfileImage():
                return content_hash(self._root / image.context, self._keys[image.base])

    def _ensure(self, image: Image) -> Path:
        def build(directory: Path) -> None:
            self._await_parts(image)
            with self._slots:
                begun = time.monotonic()
                self._build(image, directory)
                say(f"  image {image.name} built in {time.monotonic() - begun:.0f} s")

        return self._cache.ensure(f"images/{image.name}", self._keys[image.name], build) / "image.tar"

    def _await_parts(self, image: Image) -> None:
        match image:
            case ProgramImage():
                self._tools.binary(image.tool)
            case DockerfileImage():
                self.archive(image.base)

    def _build(self, image: Image, directory: Path) -> None:
        name, archive, layer = self.reference(image.name), directory / "image.tar", directory / "layer.tar"
        match image:
            case DockerfileImage():
                base, base_archive = self.reference(image.base), self.archive(image.base)
                with self._buildah_lock:
                    self._buildah.build(
                        self._root / image.context, base=base, base_archive=base_archive, name=name, directory=directory
                    )
                return
            case DebianImage():
                image.files.build(layer)
            case ProgramImage():
                write_layer({image.path: self._tools.binary(image.tool, image.program)}, layer)
        write_archive(layer, image.config, name, archive)
        layer.unlink()
