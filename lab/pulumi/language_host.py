"""The language host: answers the engine's questions about a Python project, runs programs and policy packs.

The official host is a Go program that comes with the Pulumi CLI as a download. This one knows virtual environments by
Pulumi.yaml's option ``virtualenv`` and else takes the interpreter that it runs on itself.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

from lab.pulumi import packages
from lab.pulumi.policy_pack import run_plugin
from lab.pulumi.program import EXIT_INTERRUPTED, EXIT_REPORTED
from lab.pulumi.serving import end, engine_address, serve

THREADS = 16


def interpreter(info: Any) -> str:
    """The Python that runs a project: that of its ``virtualenv`` option, else this process's."""
    environment = dict(info.options).get("virtualenv") if info.HasField("options") else None
    if not environment:
        return sys.executable
    python = Path(info.root_directory, environment, "bin", "python")
    if not python.exists():
        raise FileNotFoundError(
            f"Pulumi.yaml's virtualenv {environment!r} is no virtual environment: {python} is missing"
        )
    return str(python)


def program_command(request: Any, engine: str) -> list[str]:
    """The command line of lab.pulumi.program for a run request."""
    flags = {
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "root-directory": request.info.root_directory,
        "stack": request.stack,
        "organization": request.organization,
        "pwd": request.pwd,
        "parallel": str(request.parallel),
    }
    command = [interpreter(request.info), "-u", "-P", "-m", "lab.pulumi.program"]
    command += [f"--{name}={value}" for name, value in flags.items() if value]
    command += ["--preview"] if request.dryRun else []
    entry_point = os.path.join(request.info.program_directory, request.info.entry_point)
    return [*command, entry_point, *request.args]


def program_environment(request: Any) -> dict[str, str]:
    return os.environ | {
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """One per engine process. ``stop`` ends whatever still runs."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def stop(self) -> None:
        with self._lock:
            for process in self._running:
                end(process)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.engine = request.engine_address
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=packages.version("pulumi"))

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        # None: the engine then looks for a plugin when it is first needed, and tries to download none for an SDK which
        # is installed but not used.
        return language.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language.GetRequiredPluginsResponse()

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = packages.dependencies(transitive=request.transitiveDependencies)
        return language.GetProgramDependenciesResponse(
            dependencies=[language.DependencyInfo(name=name, version=version) for name, version in found]
        )

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language.RuntimeOptionsResponse()

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this language host installs nothing: use pip with the lock file")
        return iter(())

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.stop()
        return empty_pb2.Empty()

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            command = program_command(request, self.engine)
        except FileNotFoundError as error:
            return language.RunResponse(error=str(error))
        # The engine shows what the program prints, because the program inherits this process's output.
        process = subprocess.Popen(
            command, env=program_environment(request), cwd=request.pwd or None, stdin=subprocess.DEVNULL
        )
        code = self._wait(process, context)
        if code == 0:
            return language.RunResponse()
        if code in (EXIT_REPORTED, EXIT_INTERRUPTED):
            return language.RunResponse(bail=True)
        return language.RunResponse(error=f"program exited with non-zero exit code: {code}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        return run_plugin(request, context, interpreter(request.info))

    def _wait(self, process: subprocess.Popen[bytes], context: grpc.ServicerContext) -> int:
        with self._lock:
            self._running.add(process)
        context.add_callback(lambda: end(process))
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)


def main() -> None:
    host = LanguageHost(engine_address(sys.argv[1:]))
    serve(
        lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server),
        threads=THREADS,
        before_exit=host.stop,
    )
