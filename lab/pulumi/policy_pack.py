"""Run plugins that are written in Python, policy packs above all, and stream their output to the engine.

A policy pack reads the stack's name and configuration from its environment when it starts, but the engine tells them by
a call after the start. So the engine talks to a proxy, which starts the pack once it has been told.
"""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from functools import partial
from typing import IO, Any

import grpc
from pulumi.runtime.proto import analyzer_pb2
from pulumi.runtime.proto import language_pb2 as language

from lab.pulumi.serving import UNLIMITED, end

ANALYZER = "analyzer"
SERVICE = "/pulumirpc.Analyzer/"
CHUNK_BYTES = 65536
THREADS = 16


class Plugin:
    """One plugin process. What it prints is a queue of messages for the engine, with None at its end."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: str) -> None:
        self.output: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._command = command
        self._environment = environment
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, variables: dict[str, str]) -> IO[bytes]:
        """Start it and stream what it prints on stderr. Returns its stdout, to be given to stream()."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment | variables,
            cwd=self._folder or None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        threading.Thread(target=self._pump, args=(self._process.stderr, _stderr), daemon=True).start()
        return self._process.stdout

    def stream(self, stdout: IO[bytes]) -> None:
        """Stream its stdout in the background; when that ends, its exit code."""

        def run() -> None:
            self._pump(stdout, _stdout)
            if self._process is not None:
                self.output.put(language.RunPluginResponse(exitcode=self._process.wait()))
            self.output.put(None)

        threading.Thread(target=run, daemon=True).start()

    def end(self) -> None:
        if self._process is not None:
            end(self._process)
        self.output.put(None)

    def _pump(self, stream: IO[bytes], message: Callable[[bytes], Any]) -> None:
        while chunk := os.read(stream.fileno(), CHUNK_BYTES):
            self.output.put(message(chunk))


class PackEnded(Exception):
    """The policy pack's process is no more; what it printed says why."""


class PolicyProxy(grpc.GenericRpcHandler):
    """Forwards every call to the policy pack, which it starts at the first call that a pack must answer."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        method = handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(method, request, context))

    def _answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        if method == SERVICE + "Handshake":
            return bytes(analyzer_pb2.AnalyzerHandshakeResponse().SerializeToString())
        variables = configuration(request) if method == SERVICE + "ConfigureStack" else {}
        try:
            return bytes(self._pack(variables).unary_unary(method, _same, _same)(request))
        except grpc.RpcError as error:
            return context.abort(error.code(), error.details() or "")
        except PackEnded as error:
            return context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    def _pack(self, variables: dict[str, str]) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                stdout = self._plugin.start(variables)
                port = _first_line(stdout)
                self._plugin.stream(stdout)
                self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=UNLIMITED)
            return self._channel


def run_plugin(request: Any, context: grpc.ServicerContext, python: str) -> Iterator[Any]:
    """Yield what the plugin prints, then its exit code. It is ended when the engine drops the call."""
    is_pack = request.kind == ANALYZER
    folder = request.info.program_directory
    module = ["-m", "lab.pulumi.child", "pulumi.policy", *request.args, folder]
    command = [python, "-u", *(module if is_pack else [folder, *request.args])]
    environment = dict(entry.split("=", 1) for entry in request.env) or dict(os.environ)
    plugin = Plugin(command, environment, folder if is_pack else request.pwd)
    context.add_callback(plugin.end)
    if is_pack:
        server = grpc.server(futures.ThreadPoolExecutor(THREADS), handlers=[PolicyProxy(plugin)], options=UNLIMITED)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        context.add_callback(partial(_stop, server))
        yield _stdout(f"{port}\n".encode())
    else:
        plugin.stream(plugin.start({}))
    yield from iter(plugin.output.get, None)


def configuration(request: bytes) -> dict[str, str]:
    """The environment variables by which a policy pack learns of its stack, from a ConfigureStack request."""
    stack = analyzer_pb2.AnalyzerStackConfigureRequest.FromString(request)
    variables = {
        "PULUMI_ORGANIZATION": stack.organization,
        "PULUMI_PROJECT": stack.project,
        "PULUMI_STACK": stack.stack,
        "PULUMI_DRY_RUN": str(stack.dry_run).lower(),
        "PULUMI_CONFIG": json.dumps(dict(stack.config)),
    }
    return {name: value for name, value in variables.items() if value}


def _stop(server: grpc.Server) -> None:
    server.stop(None)


def _stdout(chunk: bytes) -> Any:
    return language.RunPluginResponse(stdout=chunk)


def _stderr(chunk: bytes) -> Any:
    return language.RunPluginResponse(stderr=chunk)


def _same(message: bytes) -> bytes:
    return message


def _first_line(stream: IO[bytes]) -> str:
    """The first line, without reading ahead: what follows goes another way."""
    line = b""
    while not line.endswith(b"\n"):
        character = os.read(stream.fileno(), 1)
        if not character:
            raise PackEnded("the policy pack ended before it was ready")
        line += character
    return line.decode().strip()
