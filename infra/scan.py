"""The scan service: the API that takes photos, and the workers that run the chain."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgs, Service
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from app import topology
from infra import rabbitmq, redis
from infra.app_service import CONSUMER, KEEP_ALL, REPLACE_ONE, SERVER, AppService, AppServiceArgs, Port
from infra.credentials import FINGERPRINT, fingerprint, plain_env, secret, secret_env
from infra.labels import labels
from infra.settings import Api, Images, Logging, Model, Worker
from infra.settings import Redis as RedisSettings
from infra.users import User

APPLICATION = "scan"
API = "scan-api"
WORKER = "scan-worker"

REDIS_SECRET = "redis"
MODEL_SECRET = "model"
MODEL_KEY = "apiKey"


@dataclass(frozen=True, kw_only=True)
class ScanArgs:
    namespace: str
    images: Images
    api: Api
    worker: Worker
    model: Model
    redis: RedisSettings
    logging: Logging
    rabbitmq_host: str
    redis_host: str
    users: Mapping[str, User]
    """RabbitMQ users by the name of their service."""
    avoid_domain: str
    """The brokers' nodes."""


class Scan(pulumi.ComponentResource):
    """Ready when every API pod and every worker is."""

    service: Service

    def __init__(self, name: str, args: ScanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:scan:Scan", name, None, opts)
        self._args = args
        redis_secret = self._secret(f"{name}-redis", REDIS_SECRET, {redis.PASSWORD_KEY: args.redis.password})
        model_secret = self._secret(f"{name}-model", MODEL_SECRET, {MODEL_KEY: args.model.api_key})
        api = AppService(API, api_args(args), pulumi.ResourceOptions(parent=self, depends_on=[redis_secret]))
        AppService(
            WORKER,
            worker_args(args),
            pulumi.ResourceOptions(parent=self, depends_on=[redis_secret, model_secret]),
        )
        assert api.service is not None
        self.service = api.service
        self.register_outputs({})

    def _secret(self, resource_name: str, name: str, values: Mapping[str, pulumi.Input[str]]) -> pulumi.Resource:
        metadata = ObjectMetaArgs(name=name, namespace=self._args.namespace, labels=labels(APPLICATION, "credentials"))
        return secret(resource_name, metadata, values, pulumi.ResourceOptions(parent=self))


def api_args(args: ScanArgs) -> AppServiceArgs:
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        image=args.images.app,
        pull_policy=args.images.pull_policy,
        command=["python", "-m", "app.api"],
        port=Port(name="http", number=8000),
        replicas=args.api.replicas,
        rollout=KEEP_ALL,
        probes=SERVER,
        resources=args.api.resources,
        avoid_domain=args.avoid_domain,
        env=[
            *broker_env(args, API),
            *redis_env(args),
            *plain_env(
                {
                    "OUTBOX_MAX_ENTRIES": str(args.api.outbox_max_entries),
                    "REDIS_WAITAOF": str(args.redis.waitaof).lower(),
                }
            ),
            *common_env(args),
        ],
        pod_annotations={FINGERPRINT: fingerprint(args.redis.password, args.users[API].identity)},
        service_type=args.api.service_type,
    )


def worker_args(args: ScanArgs) -> AppServiceArgs:
    credentials = (args.redis.password, args.model.api_key, args.users[WORKER].identity)
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        image=args.images.app,
        pull_policy=args.images.pull_policy,
        command=["python", "-m", "app.worker"],
        port=Port(name="metrics", number=9000),
        replicas=args.worker.replicas,
        rollout=REPLACE_ONE,
        probes=CONSUMER,
        resources=args.worker.resources,
        avoid_domain=args.avoid_domain,
        env=[
            *broker_env(args, WORKER),
            *redis_env(args),
            *model_env(args.model),
            *plain_env({"WORKER_CONCURRENCY": str(args.worker.concurrency)}),
            *common_env(args),
        ],
        pod_annotations={FINGERPRINT: fingerprint(*credentials)},
        service_type=None,
    )


def broker_env(args: ScanArgs, service: str) -> list[EnvVarArgs]:
    credentials = args.users[service].secret_name
    address = {
        "RABBITMQ_HOST": args.rabbitmq_host,
        "RABBITMQ_PORT": str(rabbitmq.AMQP_PORT),
        "RABBITMQ_VHOST": topology.VHOST,
    }
    return [
        *plain_env(address),
        secret_env("RABBITMQ_USERNAME", credentials, "username"),
        secret_env("RABBITMQ_PASSWORD", credentials, "password"),
    ]


def redis_env(args: ScanArgs) -> list[EnvVarArgs]:
    address = {"REDIS_HOST": args.redis_host, "REDIS_PORT": str(redis.PORT)}
    return [*plain_env(address), secret_env("REDIS_PASSWORD", REDIS_SECRET, redis.PASSWORD_KEY)]


def model_env(model: Model) -> list[EnvVarArgs]:
    address = {"MODEL_BASE_URL": model.base_url, "MODEL_VISION": model.vision, "MODEL_ANSWER": model.answer}
    return [*plain_env(address), secret_env("MODEL_API_KEY", MODEL_SECRET, MODEL_KEY)]


def common_env(args: ScanArgs) -> list[EnvVarArgs]:
    return plain_env({"STATE_TTL_SECONDS": str(args.api.state_ttl_seconds), "LOG_LEVEL": args.logging.level})
