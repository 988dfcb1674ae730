"""A directory in which one stack's Pulumi commands run: engine, plugins, state, secrets and the merged stack file."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from lab.commands import run
from lab.layout import Checkout
from lab.stack_file import merged, missing_secrets

LANGUAGE_HOST = "pulumi-language-python"
_STOP_SECONDS = 60


def random_secret(key: str) -> str:
    """A secret that nobody needs to know."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Workspace:
    """One stack of the checkout, with its state and configuration in the checkout's scratch directory."""

    checkout: Checkout
    stack: str
    programs: Mapping[str, Path]
    source: Path | None = None
    """The stack's own file, if that is not the checkout's."""
    secret: Callable[[str], str] = random_secret
    """What a secret of the stack is set to, by its full key."""

    @property
    def environment(self) -> dict[str, str]:
        """What pulumi and kubectl need to know; also for a person's shell."""
        # The plugins start with "python3", which must be the one that the lab runs with.
        directories = [str(Path(sys.executable).parent), str(self.checkout.programs)]
        values = {
            "KUBECONFIG": str(self.checkout.kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{self.checkout.backend}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.checkout.passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": self.stack,
            "PATH": ":".join([*directories, os.environ["PATH"]]),
        }
        if not official_pulumi():
            values["PULUMI_HOME"] = str(self._home)
        return values

    @property
    def _home(self) -> Path:
        return self.checkout.backend / "home"

    @property
    def stack_file(self) -> Path:
        """The configuration that the program is run with."""
        return self.checkout.stack_file(self.stack)

    def install(self, packages: Sequence[str]) -> None:
        """Put the engine and the plugins of these packages ("kubernetes", "aws") where they are found."""
        for directory in (self.checkout.backend, self.checkout.manifests):
            directory.mkdir(parents=True, exist_ok=True)
        link_programs(self.programs, self.checkout.programs)
        if not official_pulumi():
            self._install_engine()
        for package in packages:
            if not official_plugin(package):
                self._install_stand_in(package)
        if not self.checkout.passphrase.exists():
            self.checkout.passphrase.touch(mode=0o600)
            self.checkout.passphrase.write_text(secrets.token_hex(32))

    def configure(self, values: Mapping[str, str]) -> None:
        """Write the merged stack file: the stack's own with ``values`` and made-up secrets laid over it."""
        source = self.source or self.checkout.root / f"Pulumi.{self.stack}.yaml"
        own = yaml.safe_load(source.read_text()) or {}
        content = merged(own, values, self._encrypted())
        self.stack_file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    def pulumi(
        self,
        *arguments: str,
        cwd: Path | None = None,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a Pulumi command on this stack; returns what it printed. Raises ``CommandError``."""
        command = ["pulumi", *arguments, "--non-interactive", "--stack", self.stack]
        return run(
            command,
            cwd=cwd or self.checkout.root,
            stdin=stdin,
            environment={**self.environment, **(environment or {})},
        )

    def on_terminal(self, command: str, *options: str, environment: Mapping[str, str] | None = None) -> int:
        """Run `pulumi up` or `preview` with its output on this terminal; returns its exit code.

        An interruption lets it end its current steps, and is raised then.
        """
        child = subprocess.Popen(
            [
                *("pulumi", command, "--non-interactive", "--stack", self.stack),
                *("--config-file", str(self.stack_file), *options),
            ],
            cwd=self.checkout.root,
            env={**os.environ, **self.environment, **(environment or {})},
            start_new_session=True,
        )
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_SECONDS)
            child.kill()
            raise

    def _encrypted(self) -> dict[str, Any]:
        """The stack's salt and secrets, each made once.

        `pulumi stack init` writes the salt into the stack file beside Pulumi.yaml, which is the user's own here: so it
        is made in a project of the same name in the scratch directory.
        """
        project = self.checkout.backend / "project"
        file = project / f"Pulumi.{self.stack}.yaml"
        if not file.exists():
            project.mkdir(exist_ok=True)
            name = yaml.safe_load((self.checkout.root / "Pulumi.yaml").read_text())["name"]
            (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": "python"}))
            self.pulumi("stack", "init", cwd=project)
        for key in missing_secrets(yaml.safe_load(file.read_text())):
            self.pulumi("config", "set", "--secret", key, cwd=project, stdin=self.secret(key))
        content: dict[str, Any] = yaml.safe_load(file.read_text())
        return content

    def _install_engine(self) -> None:
        # The engine looks for the language host beside its own executable, whose symbolic links it resolves.
        engine = self.checkout.programs / "pulumi"
        engine.unlink()
        hard_link(self.programs["pulumi"], engine)
        (self.checkout.programs / LANGUAGE_HOST).symlink_to(self._stand_ins / LANGUAGE_HOST)
        self._leave_out_logs()

    def _leave_out_logs(self) -> None:
        """A file where the engine's directory of automatic logs would be.

        In each command it writes down every message with all properties, which is nearly half of its work, and there
        is no setting for it; without a directory it goes on without them.
        """
        logs = self._home / "logs"
        if logs.is_dir():
            shutil.rmtree(logs)
        logs.parent.mkdir(parents=True, exist_ok=True)
        logs.touch()

    def _install_stand_in(self, package: str) -> None:
        """Put a stand-in where the engine looks for installed plugins: found on PATH, each costs a warning a run."""
        provider = f"pulumi-resource-{package}"
        plugin = self._home / "plugins" / f"resource-{package}-v{version(f'pulumi-{package}')}" / provider
        if official_pulumi():
            # Plugins of its own home are the user's; PATH is the one way left.
            plugin = self.checkout.programs / provider
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.unlink(missing_ok=True)
        plugin.symlink_to(self._stand_ins / provider)

    @property
    def _stand_ins(self) -> Path:
        return self.checkout.lab / "pulumi" / "bin"


def official_pulumi() -> bool:
    """Whether Pulumi is installed with its own Kubernetes plugin; it is then used instead of the lab's stand-ins."""
    # In a shell that has sourced a lab's environment, that lab's engine and stand-in (a link) would be found.
    return shutil.which("pulumi") is not None and bool(_installed_plugins("kubernetes"))


def official_plugin(package: str) -> bool:
    """Whether an installed Pulumi has a package's own plugin."""
    return official_pulumi() and bool(_installed_plugins(package))


def _installed_plugins(package: str) -> list[Path]:
    """The plugins of a package that Pulumi has installed, without links to stand-ins."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    found = (home / "plugins").glob(f"resource-{package}-v*/pulumi-resource-{package}")
    return [plugin for plugin in found if not plugin.is_symlink()]


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
