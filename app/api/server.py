"""The HTTP server, and its way out: who keeps a connection open loses no request by it."""

import asyncio
import socket
import time
from types import FrameType

import uvicorn

PARTING_SECONDS = 4.0
"""How long a server that is to end still takes requests. Nodes hear of its end a moment later than it does, and send it
new connections until then; clients on kept ones are told to leave meanwhile. One that asks more seldom may find its
connection closed at the moment in which it sends, as with any server that ends."""


class Server(uvicorn.Server):
    """Ends the event streams when it is told to stop, for it would wait for each of them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.hub.close()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn refuses new connections and closes idle ones at once, even where the next request is on its way. So
        it goes on for a while, and every answer says that it is the connection's last."""
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        end = time.monotonic() + PARTING_SECONDS
        while not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await super().shutdown(sockets)
