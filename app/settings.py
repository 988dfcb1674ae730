"""The environment of the app's containers, read once per process. No secret has a default."""

from typing import Annotated

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings

from app.topology import VHOST

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """What every process needs: the broker, Redis, and how to log."""

    rabbitmq_host: str
    rabbitmq_port: Port = 5672
    rabbitmq_vhost: str = VHOST
    rabbitmq_username: str
    rabbitmq_password: SecretStr

    redis_host: str
    redis_port: Port = 6379
    redis_password: SecretStr

    state_ttl_seconds: PositiveInt = 3600
    """A scan's record and what belongs to it live so long after the last write to it; a photo so long in all."""

    log_level: str = "INFO"

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
    """Settings of scan-worker."""

    metrics_port: Port = 9000

    model_base_url: HttpUrl
    model_api_key: SecretStr
    model_vision: str
    model_answer: str
    model_timeout_seconds: PositiveFloat = 60
    """Wall time of one model call, from the connection to the last byte."""

    worker_concurrency: PositiveInt = 500
    """Steps that one worker runs at a time, a thread for each. Nearly all of them wait for the model."""

    broker_pool_size: PositiveInt = 20
    """Connections for publishing. A confirm takes some 3 ms, so 20 of them are far above what two cores can publish."""

    shutdown_seconds: PositiveInt = 80
    """How long steps may finish after SIGTERM. Below the pod's grace period of 90 s, above a model call's 60 s."""
