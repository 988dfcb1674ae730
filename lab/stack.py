"""Deploys the stack into the lab's cluster with the Pulumi engine."""

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import yaml

from lab.commands import run
from lab.errors import LabError
from lab.layout import Checkout
from lab.manifests import Manifests
from lab.records import exists
from lab.stack_file import lab_values, merged, missing_secrets

API_OUTPUT = "api_url"
_STOP_SECONDS = 60
_GOES_ON_AFTER_A_KILL = {"PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}
"""A killed engine leaves objects that its state does not know of: the next update takes them over."""


@dataclass(frozen=True)
class Stack:
    """One stack of the checkout, with its state and configuration in the lab's scratch directory."""

    checkout: Checkout
    name: str
    settings: Mapping[str, str]
    """Values other than the stack's and the lab's own, by key."""
    programs: Mapping[str, Path]
    image: Callable[[str], str]
    """Full reference of one of the lab's images."""
    manifests: Manifests

    @cached_property
    def environment(self) -> dict[str, str]:
        """What pulumi and kubectl need to know; also for a person's shell."""
        # The plugins start with "python3", which must be the one that the lab runs with.
        directories = [str(Path(sys.executable).parent), str(self.checkout.programs)]
        values = {
            "KUBECONFIG": str(self.checkout.kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{self.checkout.backend}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.checkout.passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": self.name,
            "PATH": ":".join([*directories, os.environ["PATH"]]),
        }
        if not official_pulumi():
            values["PULUMI_HOME"] = str(self._home)
        return values

    @property
    def _home(self) -> Path:
        return self.checkout.backend / "home"

    def deploy(self) -> str:
        """Bring the stack to what this checkout says; returns the API's URL. Raises ``LabError``."""
        self._prepare()
        self._update()
        url = self._pulumi("stack", "output", API_OUTPUT).strip()
        self.write_environment({API_OUTPUT.upper(): url})
        return url

    def write_environment(self, more: Mapping[str, str]) -> None:
        """Write ``.lab/env``."""
        inherited = os.environ["PATH"]
        lines = []
        for name, value in {**self.environment, **more}.items():
            kept = value.removesuffix(inherited) if name == "PATH" else value
            lines.append(f"export {name}={shlex.quote(kept)}" + ('"$PATH"' if name == "PATH" else ""))
        self.checkout.environment.write_text("\n".join([*lines, ""]))

    def _prepare(self) -> None:
        for directory in (self.checkout.backend, self.checkout.manifests):
            directory.mkdir(parents=True, exist_ok=True)
        link_programs(self.programs, self.checkout.programs)
        if not official_pulumi():
            self._install_plugins()
        if not self.checkout.passphrase.exists():
            self.checkout.passphrase.touch(mode=0o600)
            self.checkout.passphrase.write_text(secrets.token_hex(32))
        self.write_environment({})
        self._drop_dead_locks()
        own = yaml.safe_load((self.checkout.root / f"Pulumi.{self.name}.yaml").read_text()) or {}
        values = {**lab_values(self.image, self._manifest), **self.settings}
        content = merged(own, values, self._encrypted())
        self.checkout.stack_file(self.name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    def _manifest(self, tool: str) -> Path:
        file = self.checkout.manifests / f"{tool}.yml"
        shutil.copyfile(self.manifests.rendered(tool), file)
        return file

    def _encrypted(self) -> dict[str, object]:
        """The stack's salt and secrets, each made once.

        `pulumi stack init` writes the salt into the stack file beside Pulumi.yaml, which is the user's own here: so it
        is made in a project of the same name in the scratch directory.
        """
        project = self.checkout.backend / "project"
        file = project / f"Pulumi.{self.name}.yaml"
        if not file.exists():
            project.mkdir(exist_ok=True)
            name = yaml.safe_load((self.checkout.root / "Pulumi.yaml").read_text())["name"]
            (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": "python"}))
            self._pulumi("stack", "init", cwd=project)
        for key in missing_secrets(yaml.safe_load(file.read_text())):
            self._pulumi("config", "set", "--secret", key, cwd=project, stdin=secrets.token_hex(16))
        content: dict[str, object] = yaml.safe_load(file.read_text())
        return content

    def _install_plugins(self) -> None:
        """Put the stand-ins where the engine looks for installed plugins: found on PATH, each costs a warning a run."""
        stand_ins = self.checkout.lab / "pulumi" / "bin"
        # The engine looks beside its own executable, whose symbolic links it resolves.
        engine = self.checkout.programs / "pulumi"
        engine.unlink()
        hard_link(self.programs["pulumi"], engine)
        language = "pulumi-language-python"
        (self.checkout.programs / language).symlink_to(stand_ins / language)
        provider = "pulumi-resource-kubernetes"
        plugin = self._home / "plugins" / f"resource-kubernetes-v{version('pulumi-kubernetes')}" / provider
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.unlink(missing_ok=True)
        plugin.symlink_to(stand_ins / provider)

    def _drop_dead_locks(self) -> None:
        """A killed update leaves its lock behind, and the next one would refuse to start."""
        for file in (self.checkout.backend / ".pulumi" / "locks").rglob("*.json"):
            pid = int(json.loads(file.read_text())["pid"])
            if exists(pid):
                raise LabError(f"another pulumi (process {pid}) is at work on stack {self.name}")
            file.unlink()

    def _pulumi(self, *arguments: str, cwd: Path | None = None, stdin: str | None = None) -> str:
        command = ["pulumi", *arguments, "--non-interactive", "--stack", self.name]
        return run(command, cwd=cwd or self.checkout.root, stdin=stdin, environment=self.environment)

    def _update(self) -> None:
        """Run `pulumi up` with its output on this terminal. An interruption lets it end its current steps."""
        child = subprocess.Popen(
            [
                *("pulumi", "up", "--non-interactive", "--yes", "--skip-preview", "--stack", self.name),
                *("--config-file", self.checkout.stack_file(self.name)),
            ],
            cwd=self.checkout.root,
            env={**os.environ, **self.environment, **_GOES_ON_AFTER_A_KILL},
            start_new_session=True,
        )
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_SECONDS)
            child.kill()
            raise
        if code != 0:
            raise LabError(f"pulumi up of stack {self.name} failed with code {code}; the cluster is left as it is")


def official_pulumi() -> bool:
    """Whether Pulumi is installed with its own Kubernetes plugin; it is then used instead of the lab's stand-ins."""
    plugins = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    found = plugins.glob("resource-kubernetes-v*/pulumi-resource-kubernetes")
    # In a shell that has sourced a lab's environment, that lab's engine and stand-in (a link) would be found.
    return shutil.which("pulumi") is not None and not all(plugin.is_symlink() for plugin in found)


def link_programs(programs: Mapping[str, Path], into: Path) -> None:
    """One directory with a link to each program, for a shell's PATH."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for name, program in programs.items():
        (into / name).symlink_to(program)


def hard_link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy of it where that cannot be."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
