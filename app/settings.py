"""The environment of the app's containers, read once per process. No secret has a default."""

from typing import Annotated

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings

from app.topology import VHOST

Port = Annotated[int, Field(ge=1, le=65535)]


class BrokerSettings(BaseSettings):
    """What every process needs: the broker, and how to tell what it does."""

    rabbitmq_host: str
    rabbitmq_port: Port = 5672
    rabbitmq_vhost: str = VHOST
    rabbitmq_username: str
    rabbitmq_password: SecretStr
    rabbitmq_ca_file: str = ""
    """PEM certificates of who may vouch for the broker; it must then speak TLS, under its host's name. Empty: plain."""

    log_level: str = "INFO"
    otel_exporter_otlp_endpoint: str = ""
    """Where spans go, by OTLP over HTTP: http://collector:4318. Empty: there are none."""


class Settings(BrokerSettings):
    """What the processes of a scan need besides: Redis, where the scans are."""

    redis_host: str
    redis_port: Port = 6379
    redis_password: SecretStr
    redis_tls: bool = False
    """Whether Redis takes TLS alone. Its certificate must then be of an authority that the image trusts."""

    state_ttl_seconds: PositiveInt = 3600
    """A scan's record and what belongs to it live so long after the last write to it; a photo so long in all."""

    fault_hooks: bool = False
    """For tests alone: clients can then end processes by the addresses of their pictures (app/faults.py)."""


class ApiSettings(Settings):
    """Settings of scan-api."""

    port: Port = 8000

    outbox_max_entries: PositiveInt = 5000
    """Scans that may wait for the broker. Above it new ones are answered 429. Two minutes of 40 scans a second."""

    redis_memory_share: Annotated[float, Field(gt=0, le=1)] = 0.85
    """The share of Redis' maxmemory above which new scans are answered 429: the rest is for the scans under way."""

    redis_waitaof: bool = False
    """Answer 202 only when the scan is on Redis' disk. Costs up to a second where the AOF is synced every second."""

    publisher_threads: PositiveInt = 8
    """Scans that one process hands to the broker at the same time; each has a connection of its own."""

    uploads_max: PositiveInt = 128
    """Bodies that are read at the same time; others wait. Each takes up to 1 MiB of memory, or 10 MiB of /tmp."""

    upload_seconds: PositiveInt = 60
    """How long a client may take to send its body."""

    streams_max: PositiveInt = 2000
    """Event streams that one process keeps open."""

    stream_seconds: PositiveInt = 900
    """A stream is closed after this time, so that one whose reader hangs ends; clients reconnect by themselves."""


class WorkerSettings(Settings):
    """What each kind of Celery worker needs."""

    metrics_port: Port = 9000

    worker_concurrency: PositiveInt
    """Tasks that one worker runs at a time, a thread for each."""

    broker_pool_size: PositiveInt = 20
    """Connections for publishing. A confirm takes some 3 ms, so 20 of them are far above what two cores can publish."""

    shutdown_seconds: PositiveInt = 80
    """How long tasks may finish after SIGTERM. Below the pod's grace period of 90 s, above a model call's 60 s."""


class ScanWorkerSettings(WorkerSettings):
    """Settings of scan-worker."""

    model_base_url: HttpUrl
    model_api_key: SecretStr
    model_vision: str
    model_answer: str
    model_timeout_seconds: PositiveFloat = 60
    """Wall time of one model call, from the connection to the last byte."""

    worker_concurrency: PositiveInt = 500
    """Nearly all of them wait for the model."""


class RewardWorkerSettings(WorkerSettings):
    """Settings of reward-worker."""

    character_host: str
    character_port: Port = 50051
    character_timeout_seconds: PositiveFloat = 2
    """How long Character may take for one decision. It takes some 10 ms."""

    worker_concurrency: PositiveInt = 16
    """A reward takes some 20 ms, so these are far more than one minute of 40 scans a second needs."""

    retry_time_scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Shortens the delays between retries, for tests."""


class PostgresSettings(BaseSettings):
    """Where the decisions, the catalogue and the ownerships are."""

    postgres_host: str
    postgres_port: Port = 5432
    postgres_database: str = "character"
    postgres_username: str = "postgres"
    postgres_password: SecretStr

    postgres_wait_seconds: PositiveFloat = 120
    """How long a migration waits for the database to accept connections."""


class CharacterSettings(BrokerSettings, PostgresSettings):
    """Settings of the Character service."""

    port: Port = 50051
    metrics_port: Port = 9000

    database_connections: PositiveInt = 8
    """Decisions that one process writes at the same time. Each takes some 3 ms, and a connection of the database."""

    drain_seconds: PositiveFloat = 5
    """From SIGTERM on new calls are still taken for so long: meanwhile clients hear that this process goes away."""

    shutdown_seconds: PositiveFloat = 10
    """How long calls may finish after that."""


class SaverSettings(BrokerSettings, PostgresSettings):
    """Settings of character-worker and users-worker."""

    metrics_port: Port = 9000

    batch_size: PositiveInt = 50
    """Rows of one INSERT. Twice as many messages are held."""

    batch_seconds: PositiveFloat = 5
    """No event waits longer for others to share its INSERT."""


class BeatSettings(BrokerSettings):
    """Settings of celery-beat."""

    metrics_port: Port = 9000

    deadletter_replay_seconds: PositiveInt = 300
    """So often dead letters are tried again."""

    schedule_file: str = "/tmp/celerybeat-schedule"
    """Where it keeps what it has sent last. It may be lost."""


class AuthzSettings(Settings):
    """Settings of authz."""

    port: Port = 50052
    metrics_port: Port = 9000

    worker_threads: PositiveInt = 8
    """Checks that one process answers at the same time. They wait for nothing, so more threads would not help."""

    payload_header: str = ""
    """The header in which the gateway forwards the token's payload (base64url). Empty: it forwards the token itself."""

    allow_anonymous: bool = False
    """Whether requests without a token are let through, without a user. A bad token is refused in any case."""

    drain_seconds: PositiveFloat = 5
    """From SIGTERM on new checks are still answered for so long: meanwhile Envoy hears that this process goes away."""
