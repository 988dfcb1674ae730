"""Runs the API: ``python -m app.api``."""

import uvicorn

from app.api.app import create_app
from app.api.connections import Connection
from app.api.server import Server
from app.logs import configure_logging
from app.settings import ApiSettings
from app.tracing.spans import configure as configure_tracing

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 60


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
