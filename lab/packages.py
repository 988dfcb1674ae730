"""Debian packages that the lab uses; installed only when missing."""

from lab.commands import run
from lab.console import say

REQUIRED = (
    "buildah",
    "conntrack",
    "containernetworking-plugins",
    "debian-archive-keyring",
    "iproute2",
    "iptables",
    "mmdebstrap",
    "nftables",
    "openssl",
    "runc",
)


def missing(listing: str) -> list[str]:
    """The required packages that are not installed, by ``dpkg-query``'s lines "package status"."""
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in REQUIRED if name not in installed]


def install_missing() -> None:
    """Install what is missing; does nothing, quickly, when all is there."""
    wanted = missing(run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n"]))
    if not wanted:
        return
    say(f"installing Debian packages: {', '.join(wanted)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "--quiet"], environment=quiet, interruptible=False)
    command = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *wanted]
    run(command, environment=quiet, interruptible=False)
