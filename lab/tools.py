"""The lab's programs, built from their Go modules at pinned versions and kept by content.

Each folder below ``lab/tools`` is one Go module: its ``tool`` lines name the packages to build, its go.mod and go.sum
pin every source. A folder without ``tool`` lines holds a small program of our own. Programs that agree on their
libraries share a folder: the Kubernetes client is the most of an operator's build, and is compiled once for all then.
"""

import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Cache, content_hash
from lab.commands import CommandError, run
from lab.console import say
from lab.errors import LabError
from lab.parallel import results

ORDER = (
    "kubernetes",
    "pulumi",
    "operators",
    "coredns",
    "containerd",
    "etcd",
    "pause",
)
"""Every tool, longest build first, so that the last ones to end are short."""

ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false", "GOWORK": "off"}
"""Without cgo from the start: the same binaries must run in an empty image. GOFLAGS replaces the user's own, so that
module files are never rewritten and equal sources give equal binaries."""

_COMPILER = {"GOGC": "400", "GOMEMLIMIT": "3GiB"}
"""Memory for time, of each compiler: a tenth less CPU. It changes no binary, so it is not part of a build's key."""

_KEPT_BUILDS = 2
_PARALLEL_BUILDS = 2
_RENAMED = {"server": "etcd", "operator": "prometheus-operator"}
"""Packages are built into programs called like their last folder, which says little of some."""

_VERSION_VARIABLES = {
    "k8s.io/kubernetes": "k8s.io/component-base/version.gitVersion",
    "github.com/pulumi/pulumi/pkg/v3": "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
}
"""Programs that learn their version from the linker, by module."""


@dataclass(frozen=True)
class Tool:
    """One folder below ``lab/tools``."""

    name: str
    folder: Path

    def packages(self) -> list[str]:
        """Import paths to build."""
        return tool_lines((self.folder / "go.mod").read_text()) or ["."]

    def linker_flags(self) -> str:
        """What ``go build -ldflags`` gets: no debug data, and the version where the program asks for it."""
        flags = ["-s", "-w"]
        for module, variable in _VERSION_VARIABLES.items():
            if version := required_version((self.folder / "go.mod").read_text(), module):
                flags += ["-X", f"{variable}={version}"]
                if module == "k8s.io/kubernetes":
                    major, minor, _ = version.removeprefix("v").split(".", 2)
                    package = variable.rpartition(".")[0]
                    flags += ["-X", f"{package}.gitMajor={major}", "-X", f"{package}.gitMinor={minor}"]
        return " ".join(flags)

    def key(self, go_version: str) -> str:
        """A hash of everything that the binaries are made from."""
        return content_hash(self.folder, self.linker_flags(), repr(sorted(ENVIRONMENT.items())), go_version)

    def build(self, directory: Path) -> None:
        """Put the tool's binaries into an empty directory."""
        command = ["go", "build", f"-ldflags={self.linker_flags()}", "-o", f"{directory}/", *self.packages()]
        try:
            run(command, cwd=self.folder, environment=ENVIRONMENT | _COMPILER)
        except CommandError as error:
            raise LabError(f"building {self.name} failed, its sources are pinned in {self.folder}: {error}") from None
        for built, wanted in _RENAMED.items():
            if (directory / built).exists():
                (directory / built).rename(directory / wanted)


def tool_lines(go_mod: str) -> list[str]:
    """The package paths of a go.mod's ``tool`` lines, single or in a block."""
    block = re.search(r"^tool \((.*?)^\)", go_mod, re.MULTILINE | re.DOTALL)
    single = re.findall(r"^tool ([^(\s]+)", go_mod, re.MULTILINE)
    return single + (block.group(1).split() if block else [])


def required_version(go_mod: str, module: str) -> str:
    """The version at which a go.mod requires a module, or "" when it does not."""
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    return found.group(1) if found else ""


def go_directive(go_mod: str) -> tuple[int, int]:
    """The least Go version that a module asks for, as (major, minor)."""
    found = re.search(r"^go (\d+)\.(\d+)", go_mod, re.MULTILINE)
    if found is None:
        raise LabError("a go.mod without a go line")
    return int(found.group(1)), int(found.group(2))


def all_tools(tools_folder: Path) -> list[Tool]:
    """Every tool, in build order."""
    return [Tool(name, tools_folder / name) for name in ORDER]


class ToolBuilder:
    """Builds tools in the background; whoever needs one waits for that one only."""

    def __init__(self, cache: Cache, tools: list[Tool]) -> None:
        self._cache = cache
        self._go_version = run(["go", "env", "GOVERSION"]).strip()
        self._pool = ThreadPoolExecutor(_PARALLEL_BUILDS, thread_name_prefix="tools")
        self.keys = {tool.name: tool.key(self._go_version) for tool in tools}
        missing = [tool for tool in tools if not self._entry(tool.name).is_dir()]
        self._count, self._finished = len(missing), 0
        if missing:
            say(f"building {len(missing)} tools from source, one time: {', '.join(tool.name for tool in missing)}")
        self._futures: dict[str, Future[Path]] = {tool.name: self._pool.submit(self._ensure, tool) for tool in tools}

    def _entry(self, name: str) -> Path:
        return self._cache.entry("tools", f"{name}-{self.keys[name][:24]}")

    def _ensure(self, tool: Tool) -> Path:
        begun = time.monotonic()
        built = not self._entry(tool.name).is_dir()
        if built:
            say(f"  building {tool.name}")
        entry = self._cache.ensure("tools", self._entry(tool.name).name, tool.build)
        if built:
            self._finished += 1
            took = time.monotonic() - begun
            say(f"  {tool.name} built in {took:.0f} s ({self._finished} of {self._count})")
        return entry

    def binary(self, tool: str, name: str | None = None) -> Path:
        """The path of a program, once it is built. ``name`` is left out when it is the tool's own."""
        return self._futures[tool].result() / (name or tool)

    def directories(self) -> list[Path]:
        """Where all tools lie, once every one is built."""
        return results(self._futures.values())

    def programs(self) -> dict[str, Path]:
        """Every program by its name, once all are built."""
        return {program.name: program for directory in self.directories() for program in directory.iterdir()}

    def prune(self) -> None:
        """Forget old builds."""
        self._cache.prune("tools", [self._entry(name).name for name in self.keys], _KEPT_BUILDS * len(ORDER))

    def close(self) -> None:
        """Drop what has not begun yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)
