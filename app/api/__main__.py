"""Runs the API: ``python -m app.api``."""

from types import FrameType

import uvicorn

from app.api.app import create_app
from app.api.connections import Connection
from app.logs import configure_logging
from app.settings import ApiSettings
from app.tracing.spans import configure as configure_tracing

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 60


class Server(uvicorn.Server):
    """Ends the event streams when it is told to stop. Otherwise it would wait for each of them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.hub.close()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def main() -> None:
    """Serves until SIGTERM, then finishes the requests under way."""
    settings = ApiSettings()
    configure_logging(settings.log_level)
    configure_tracing("scan-api", settings.otel_exporter_otlp_endpoint)
    config = uvicorn.Config(
        create_app(settings),
        host="0.0.0.0",
        port=settings.port,
        http=Connection,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    Server(config).run()


if __name__ == "__main__":
    main()
