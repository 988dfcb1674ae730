"""The HTTP server, and its way out: who keeps a connection open loses no request by it."""

import asyncio
import socket
import time
from types import FrameType

import uvicorn

PARTING_SECONDS = 3.0
"""How long clients on kept connections are told to leave. One that asks more seldom may find its connection closed at
the moment in which it sends, as with any server that ends."""


class Server(uvicorn.Server):
    """Ends the event streams when it is told to stop, for it would wait for each of them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.hub.close()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn closes idle connections at once, even where the next request is on its way. So every answer says
        first that it is the connection's last."""
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        end = time.monotonic() + PARTING_SECONDS
        while self.server_state.connections and not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await super().shutdown(sockets)
