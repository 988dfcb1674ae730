"""The texts that PostgreSQL reads: its settings, who may connect and how, and the account that it runs as."""

from infra.quantities import amount
from infra.settings import Postgres

PORT = 5432
DATABASE = "character"
USER = "postgres"

MIB = 1024 * 1024
SHARED_MEMORY = 0.25
"""The share of the memory limit that is PostgreSQL's own cache. The rest is the connections' and the page cache's."""


def server_config(settings: Postgres, *, clients_file: str, socket_dir: str) -> str:
    lines = {
        "listen_addresses": "*",
        "port": PORT,
        "unix_socket_directories": socket_dir,
        "hba_file": clients_file,
        "password_encryption": "scram-sha-256",
        "max_connections": settings.max_connections,
        "shared_buffers": f"{int(amount(settings.memory_limit) * SHARED_MEMORY / MIB)}MB",
        # A client that hangs, or whose node died, holds its locks and its connection no longer than this.
        "idle_in_transaction_session_timeout": "60s",
        "tcp_keepalives_idle": "30s",
        "tcp_keepalives_interval": "10s",
        "tcp_keepalives_count": 3,
    }
    return "".join(f"{key} = '{value}'\n" for key, value in lines.items())


def clients_file() -> str:
    """``pg_hba.conf``: a password from everywhere; none from inside of the pod, where ``kubectl exec`` ends."""
    return f"local all {USER} peer\nhost all all all scram-sha-256\n"


def account_file(uid: int, *, home: str) -> str:
    """``/etc/passwd`` with PostgreSQL's own user alone."""
    return f"{USER}:x:{uid}:{uid}::{home}:/bin/sh\n"
