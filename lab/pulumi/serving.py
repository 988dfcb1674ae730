"""The life of a plugin process: serve gRPC on loopback, tell the engine the port, and end with the engine.

The engine asks a plugin to end with SIGINT and waits for it, so it must end at once and in silence: what a plugin
prints at its end lands in the user's output.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from types import FrameType

import grpc

ORPHAN_CHECK_SECONDS = 1.0
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
"""One resource can be larger than gRPC's default of 4 MiB, and the engine itself takes 400 MiB."""


def engine_address(arguments: Sequence[str]) -> str:
    """The engine's address among a plugin's arguments: the last one that is no flag; "" when the engine gave none."""
    positional = [argument for argument in arguments if not argument.startswith("-")]
    return positional[-1] if positional else ""


def exit_with_parent() -> None:
    """End this process within a second of its parent's death, however that came about."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def exit_at_signals(before: Callable[[], None] = lambda: None, *, code: int = 0) -> None:
    """End at once at SIGINT and SIGTERM, after ``before``; no traceback, no wait for threads."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        before()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()


def serve(
    register: Callable[[grpc.Server], None], *, threads: int, before_exit: Callable[[], None] = lambda: None
) -> None:
    """Serve what ``register`` adds until the engine ends this process. The port is the first line on stdout."""
    exit_with_parent()
    exit_at_signals(before_exit)
    server = grpc.server(futures.ThreadPoolExecutor(threads), options=UNLIMITED)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the protocol's handshake
    server.wait_for_termination()
