"""What must hold before anything on this machine is changed: one clear line for each thing that does not.

``python -m lab.preflight`` checks it without the project's environment: standard library only, like all that this
imports.
"""

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run
from lab.errors import LabError
from lab.layout import Checkout, cache_root
from lab.network import RANGES, overlapping
from lab.nodes import BRIDGE
from lab.records import Record
from lab.tools import all_tools, go_directive

GIBIBYTE = 1024**3
COLD_DISK = 30 * GIBIBYTE
"""Compiler cache 9, module sources 5, built tools 1, images and their unpacked copies 6, a running lab the rest."""
WARM_DISK = 6 * GIBIBYTE
"""A running lab with its volumes, when tools and images are there already."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the machine is like."""

    system: str
    """As in ``uname -s``."""
    distribution: str
    """``ID`` of os-release."""
    user: int
    go: tuple[int, int] | None
    """Version of Go, None when there is none."""
    networks: Sequence[str]
    """Every address range that interfaces and routes of others use."""
    free_bytes: int
    """On the file system of cache and checkout, whichever has less."""


def problems(facts: Facts, *, go_needed: tuple[int, int], bytes_needed: int) -> list[str]:
    """One line for each reason why the lab cannot run here; empty if it can."""
    found = []
    if facts.system != "Linux":
        return [f"the lab needs Linux, this is {facts.system}"]
    if facts.distribution != "debian":
        found.append(f"the lab needs Debian 12 or newer, this is {facts.distribution or 'unknown'}")
    if facts.user != 0:
        found.append("the lab needs root: it makes network namespaces, mounts and control groups")
    found += go_problems(facts.go, go_needed)
    if taken := overlapping(facts.networks):
        ours = ", ".join(map(str, RANGES))
        found.append(f"address range taken: {', '.join(taken)} is in use on this machine, the lab needs {ours}")
    if facts.free_bytes < bytes_needed:
        free, needed = facts.free_bytes / GIBIBYTE, bytes_needed / GIBIBYTE
        found.append(f"disk too small: {free:.1f} GiB free, {needed:.0f} GiB needed")
    return found


def go_problems(go: tuple[int, int] | None, needed: tuple[int, int]) -> list[str]:
    """Why tools cannot be built with this version of Go; empty if they can."""
    wanted = ".".join(map(str, needed))
    if go is None:
        return [f"Go is missing: install Go {wanted} or newer and put it on PATH"]
    if go < needed:
        return [f"Go {'.'.join(map(str, go))} is too old: install Go {wanted} or newer"]
    return []


def gather(cache: Path, checkout: Path) -> Facts:
    """Look at this machine. Changes nothing."""
    linux = platform.system() == "Linux"
    return Facts(
        system=platform.system(),
        distribution=distribution(Path("/etc/os-release").read_text()) if linux else "",
        user=os.geteuid(),
        go=go_version(),
        networks=foreign_networks(BRIDGE if Record.load() else None) if linux and shutil.which("ip") else (),
        free_bytes=min(_free(cache), _free(checkout)),
    )


def go_needed(checkout: Checkout) -> tuple[int, int]:
    """The Go version that the tools ask for."""
    return max(go_directive((tool.folder / "go.mod").read_text()) for tool in all_tools(checkout.lab / "tools"))


def check_go(checkout: Checkout) -> None:
    """Raises ``LabError`` where the tools cannot be built."""
    if found := go_problems(go_version(), go_needed(checkout)):
        raise LabError("\n".join(found))


def check_machine(checkout: Checkout) -> None:
    """Raises ``LabError`` with all problems of this machine."""
    cache = cache_root()
    filled = len(list((cache / "tools").glob("*"))) >= len(all_tools(checkout.lab / "tools"))
    found = problems(
        gather(cache, checkout.root),
        go_needed=go_needed(checkout),
        bytes_needed=WARM_DISK if filled else COLD_DISK,
    )
    if found:
        raise LabError("\n".join(found))


def distribution(os_release: str) -> str:
    """The ``ID`` in an os-release file."""
    found = re.search(r'^ID="?([\w.-]+)', os_release, re.MULTILINE)
    return found.group(1) if found else ""


def go_version() -> tuple[int, int] | None:
    """Major and minor version of the Go on PATH."""
    if not shutil.which("go"):
        return None
    found = re.match(r"go(\d+)\.(\d+)", run(["go", "env", "GOVERSION"]))
    return (int(found.group(1)), int(found.group(2))) if found else None


def foreign_networks(own_bridge: str | None) -> list[str]:
    """IPv4 ranges of interfaces and routes that are not the lab's own, without the default route."""
    addresses = json.loads(run(["ip", "-json", "-4", "address"]))
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]))
    return networks_of(addresses, routes, own_bridge)


def networks_of(
    addresses: Sequence[dict[str, object]], routes: Sequence[dict[str, object]], own_bridge: str | None
) -> list[str]:
    """The ranges in the JSON of ``ip address`` and ``ip route``.

    ``own_bridge`` is the bridge of a lab that is recorded, if there is one: what belongs to it is left out.
    """
    found: set[str] = set()
    for link in addresses:
        if link.get("ifname") != own_bridge:
            entries = link.get("addr_info", [])
            assert isinstance(entries, list)
            found.update(f"{entry['local']}/{entry['prefixlen']}" for entry in entries)
    for route in routes:
        own = own_bridge and (route.get("dev") == own_bridge or route.get("type") == "unreachable")
        if not own and route["dst"] != "default":
            found.add(str(route["dst"]))
    return sorted(found)


def _free(path: Path) -> int:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return shutil.disk_usage(existing).free


if __name__ == "__main__":
    try:
        check_machine(Checkout.here())
    except LabError as error:
        sys.exit(f"error: {error}")
