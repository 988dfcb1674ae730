"""Root file systems from Debian packages, by mmdebstrap, with the machine's own package mirror and settings."""

import re
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run
from lab.errors import LabError

SUITE = "trixie"
"""The Debian release of the images. The machine itself may run an older one."""

_UNUSED_FILES = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_FORWARDED_SETTINGS = re.compile(r"Acquire::(http|https|Check-|Retries|ForceIPv)")


@dataclass(frozen=True, kw_only=True)
class Account:
    """A system user and group whose number must be known outside the image."""

    name: str
    number: int
    home: str

    def creation(self) -> str:
        """Shell lines for a root file system in ``$1`` in which no package has been configured yet."""
        entry = f"{self.name}:x:{self.number}:{self.number}::{self.home}:/usr/sbin/nologin"
        return f"echo {entry} >>$1/etc/passwd && echo {self.name}:x:{self.number}: >>$1/etc/group"


@dataclass(frozen=True, kw_only=True)
class RootFileSystem:
    """A minimal Debian with some packages."""

    packages: tuple[str, ...]
    account: Account | None = None
    finish: str = "true"
    """Shell command run at the end, with the root file system's path in ``$1``."""

    def recipe(self) -> str:
        """Everything that decides the content, but for the packages' versions."""
        return repr((SUITE, _UNUSED_FILES, self))

    def build(self, layer: Path) -> None:
        """Write the file system as a tar."""
        account = [f"--essential-hook={self.account.creation()}"] if self.account else []
        run(
            [
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                f"--include={','.join(self.packages)}",
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _UNUSED_FILES),
                *(f"--aptopt={line}" for line in _package_manager_settings()),
                *account,
                f"--customize-hook={self.finish}",
                SUITE,
                layer,
                f"deb {_mirror()} {SUITE} main",
            ],
            environment={"TMPDIR": str(layer.parent), "LC_ALL": "C.UTF-8"},
        )


def _mirror() -> str:
    wanted = ["--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Identifier: Packages"]
    return mirror_of(run(["apt-get", "indextargets", *wanted]), _codename(Path("/etc/os-release").read_text()))


def mirror_of(listing: str, codename: str) -> str:
    """The address that this machine gets its own Debian release from.

    ``listing`` has lines "release component address".
    """
    for line in listing.splitlines():
        release, component, address = line.split(maxsplit=2)
        if (release, component) == (codename, "main"):
            return address
    raise LabError(f"no package source for {codename} main is set up here, so there is no Debian mirror to use")


def _codename(os_release: str) -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", os_release, re.MULTILINE)
    return found.group(1) if found else ""


def _package_manager_settings() -> list[str]:
    """Proxies, time checks and the like that this machine needs to reach its mirror."""
    lines = run(["apt-config", "dump", "--no-empty", "Acquire"]).splitlines()
    return [line for line in lines if _FORWARDED_SETTINGS.match(line)]
