"""What the app's services share, and the environment by which each is told of what it uses."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgs, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from app import topology
from infra import broker_trust, postgres, postgres_config, rabbitmq, redis
from infra.credentials import plain_env, secret, secret_env
from infra.labels import labels
from infra.settings import Images, Postgres, Rabbitmq, Redis
from infra.users import User

REDIS_SECRET = "redis"
POSTGRES_SECRET = "postgres"


@dataclass(frozen=True, kw_only=True)
class Platform:
    images: Images
    log_level: str
    otlp_endpoint: str
    rabbitmq: Rabbitmq
    redis: Redis
    postgres: Postgres
    rabbitmq_host: str
    redis_host: pulumi.Input[str]
    redis_tls: bool
    postgres_host: pulumi.Input[str]
    users: Mapping[str, User]
    """RabbitMQ users by the name of their service."""
    avoid_domain: str
    """The brokers' nodes."""


def broker_env(platform: Platform, service: str) -> list[EnvVarArgs]:
    """The broker, with the user of ``service``."""
    credentials = platform.users[service].secret_name
    address = {
        "RABBITMQ_HOST": platform.rabbitmq_host,
        "RABBITMQ_PORT": str(rabbitmq.amqp_port(platform.rabbitmq)),
        "RABBITMQ_VHOST": topology.VHOST,
    }
    tls = {"RABBITMQ_CA_FILE": f"{broker_trust.FOLDER}/{broker_trust.KEY}"} if platform.rabbitmq.tls_secret else {}
    return [
        *plain_env(address | tls),
        secret_env("RABBITMQ_USERNAME", credentials, "username"),
        secret_env("RABBITMQ_PASSWORD", credentials, "password"),
    ]


def broker_config_maps(platform: Platform) -> dict[str, str]:
    """For the pods that have ``broker_env``."""
    return {broker_trust.NAME: broker_trust.FOLDER} if platform.rabbitmq.tls_secret else {}


def redis_env(platform: Platform) -> list[EnvVarArgs]:
    address = {"REDIS_HOST": platform.redis_host, "REDIS_PORT": str(redis.PORT)}
    tls = {"REDIS_TLS": "true"} if platform.redis_tls else {}
    return [*plain_env(address | tls), secret_env("REDIS_PASSWORD", REDIS_SECRET, redis.PASSWORD_KEY)]


def postgres_env(platform: Platform) -> list[EnvVarArgs]:
    address = {
        "POSTGRES_HOST": platform.postgres_host,
        "POSTGRES_PORT": str(postgres_config.PORT),
        "POSTGRES_DATABASE": postgres_config.DATABASE,
        "POSTGRES_USERNAME": postgres_config.USER,
    }
    return [*plain_env(address), secret_env("POSTGRES_PASSWORD", POSTGRES_SECRET, postgres.PASSWORD_KEY)]


def log_env(platform: Platform) -> list[EnvVarArgs]:
    return plain_env({"LOG_LEVEL": platform.log_level})


def tracing_env(platform: Platform) -> list[EnvVarArgs]:
    """For the pods that infra/flows.py lets to the collector."""
    return plain_env({"OTEL_EXPORTER_OTLP_ENDPOINT": platform.otlp_endpoint} if platform.otlp_endpoint else {})


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Makes the Secrets of one application in its namespace; a pod can read none of another namespace."""

    namespace: str
    application: str
    parent: pulumi.Resource

    def redis(self, platform: Platform) -> Secret:
        return self.secret(REDIS_SECRET, {redis.PASSWORD_KEY: platform.redis.password})

    def postgres(self, platform: Platform) -> Secret:
        return self.secret(POSTGRES_SECRET, {postgres.PASSWORD_KEY: platform.postgres.password})

    def secret(self, name: str, values: Mapping[str, pulumi.Input[str]]) -> Secret:
        metadata = ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels(self.application, "credentials"))
        opts = pulumi.ResourceOptions(parent=self.parent)
        return secret(f"{self.application}-{name}", metadata, values, opts)
