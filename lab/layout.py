"""Where the lab keeps its files.

``/run/eco2-lab`` says what exists on this machine and who owns it; ``.lab/`` of the owning checkout holds the running
lab's data; the cache holds what is built once and shared by all checkouts.
"""

import os
from dataclasses import dataclass
from pathlib import Path

RUN = Path("/run/eco2-lab")
"""One lab per machine: names and address ranges are fixed, so is this directory."""


@dataclass(frozen=True)
class Checkout:
    """Paths below one working copy of the repository."""

    root: Path
    other_scratch: Path | None = None
    """Where to write instead of ``.lab``."""

    @classmethod
    def here(cls) -> "Checkout":
        """The working copy that this package lies in."""
        return cls(Path(__file__).resolve().parent.parent)

    @property
    def lab(self) -> Path:
        """The lab's sources."""
        return self.root / "lab"

    @property
    def scratch(self) -> Path:
        """Everything that the running lab writes."""
        return self.other_scratch or self.root / ".lab"

    @property
    def log(self) -> Path:
        """Logs, one file a process. They outlive ``down``, so that a failure can be looked into."""
        return self.scratch / "log"

    @property
    def nodes(self) -> Path:
        """Data of each node: images, volumes, pods, etcd."""
        return self.scratch / "nodes"

    @property
    def pki(self) -> Path:
        """Keys and certificates of the cluster, made anew with it."""
        return self.scratch / "pki"

    @property
    def kubeconfig(self) -> Path:
        """Cluster administrator's way in."""
        return self.scratch / "kubeconfig"

    @property
    def programs(self) -> Path:
        """Links to the built tools, for a shell's PATH."""
        return self.scratch / "bin"

    @property
    def manifests(self) -> Path:
        """The operators' manifests that the stack is given."""
        return self.scratch / "manifests"

    @property
    def environment(self) -> Path:
        """``export`` lines that a shell can source."""
        return self.scratch / "env"

    @property
    def backend(self) -> Path:
        """Pulumi's state."""
        return self.scratch / "pulumi"

    @property
    def passphrase(self) -> Path:
        """What encrypts secrets in Pulumi's state. Random, one per lab."""
        return self.scratch / "passphrase"

    def stack_file(self, stack: str) -> Path:
        """The stack's configuration with the lab's values laid over it."""
        return self.scratch / f"Pulumi.{stack}.yaml"


def cache_root() -> Path:
    """The directory of built tools and images: ``$XDG_CACHE_HOME/eco2-lab``, or below ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eco2-lab"
