"""Messages to the user, through the engine: beside the resource that they are about."""

import threading
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

INFO = engine_pb2.LogSeverity.INFO
WARNING = engine_pb2.LogSeverity.WARNING


class EngineLog:
    """Without an address it drops what it is given. It never fails: a message is not worth an operation."""

    def __init__(self, address: str) -> None:
        channel = grpc.insecure_channel(address) if address else None
        self._engine: Any = engine_pb2_grpc.EngineStub(channel) if channel else None

    def write(self, urn: str, text: str, severity: Any = INFO) -> None:
        """A message that stays in the update's record."""
        self._send(urn, text, severity, ephemeral=False)

    def status(self, urn: str, text: str, severity: Any = INFO) -> None:
        """What is going on right now; the next status takes its place."""
        self._send(urn, text, severity, ephemeral=True)

    def _send(self, urn: str, text: str, severity: Any, *, ephemeral: bool) -> None:
        if self._engine is None:
            return
        try:
            request = engine_pb2.LogRequest(severity=severity, message=text, urn=urn, streamId=0, ephemeral=ephemeral)
            self._engine.Log(request)
        except grpc.RpcError:
            pass


class Progress:
    """What one waiting operation says: nothing twice."""

    def __init__(self, log: EngineLog, urn: str) -> None:
        self._log = log
        self._urn = urn
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def say(self, text: str, severity: Any = INFO) -> None:
        with self._lock:
            if text in self._said:
                return
            self._said.add(text)
        self._log.status(self._urn, text, severity)

    def done(self) -> None:
        """Take the last status off the user's screen."""
        if self._said:
            self._log.status(self._urn, "")
