"""Deploys the stack into the lab's cluster with the Pulumi engine."""

import json
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.errors import LabError
from lab.layout import Checkout
from lab.manifests import Manifests
from lab.records import exists
from lab.stack_file import lab_values
from lab.workspace import Workspace

API_OUTPUT = "api_url"
_UPDATE = {
    # The state, near 3 MB, is saved at the end and not after each of 600 steps: dev's destroy took 220 s with, 120 s
    # without. An interrupted update ends by saving it as well.
    "PULUMI_EXPERIMENTAL": "true",
    "PULUMI_SKIP_CHECKPOINTS": "true",
    # A killed engine leaves objects that its state does not know of: the next update takes them over.
    "PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true",
}


@dataclass(frozen=True)
class Stack:
    """One stack of the checkout in the lab's cluster."""

    checkout: Checkout
    name: str
    settings: Mapping[str, str]
    """Values other than the stack's and the lab's own, by key."""
    programs: Mapping[str, Path]
    image: Callable[[str], str]
    """Full reference of one of the lab's images, with its digest."""
    manifests: Manifests

    @cached_property
    def workspace(self) -> Workspace:
        return Workspace(self.checkout, self.name, self.programs)

    def deploy(self) -> str:
        """Bring the stack to what this checkout says; returns the API's URL. Raises ``LabError``."""
        self._prepare()
        self._update()
        url = self.workspace.pulumi("stack", "output", API_OUTPUT).strip()
        self.write_environment({API_OUTPUT.upper(): url})
        return url

    def write_environment(self, more: Mapping[str, str]) -> None:
        """Write ``.lab/env``."""
        inherited = os.environ["PATH"]
        lines = []
        for name, value in {**self.workspace.environment, **more}.items():
            kept = value.removesuffix(inherited) if name == "PATH" else value
            lines.append(f"export {name}={shlex.quote(kept)}" + ('"$PATH"' if name == "PATH" else ""))
        self.checkout.environment.write_text("\n".join([*lines, ""]))

    def _prepare(self) -> None:
        self.workspace.install(["kubernetes"])
        self.write_environment({})
        self._drop_dead_locks()
        self.workspace.configure({**lab_values(self.image, self._manifest), **self.settings})

    def _manifest(self, tool: str) -> Path:
        file = self.checkout.manifests / f"{tool}.yml"
        shutil.copyfile(self.manifests.rendered(tool), file)
        return file

    def _drop_dead_locks(self) -> None:
        """A killed update leaves its lock behind, and the next one would refuse to start."""
        for file in (self.checkout.backend / ".pulumi" / "locks").rglob("*.json"):
            pid = int(json.loads(file.read_text())["pid"])
            if exists(pid):
                raise LabError(f"another pulumi (process {pid}) is at work on stack {self.name}")
            file.unlink()

    def _update(self) -> None:
        code = self.workspace.on_terminal("up", "--yes", "--skip-preview", environment=_UPDATE)
        if code != 0:
            raise LabError(f"pulumi up of stack {self.name} failed with code {code}; the cluster is left as it is")
