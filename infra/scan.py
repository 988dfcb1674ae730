"""The scan service: the API that takes photos, and the workers that run the chain."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgs, Service

from infra.app_service import (
    CONSUMER,
    KEEP_ALL,
    METRICS,
    REPLACE_ONE,
    SERVER,
    AppService,
    AppServiceArgs,
    Exposure,
    Port,
)
from infra.credentials import FINGERPRINT, fingerprint, plain_env, secret_env
from infra.platform import Credentials, Platform, broker_config_maps, broker_env, log_env, redis_env, tracing_env
from infra.service_settings import Api, Model, Worker

APPLICATION = "scan"
API = "scan-api"
WORKER = "scan-worker"

HTTP = Port(name="http", number=8000)
MODEL_SECRET = "model"
MODEL_KEY = "apiKey"


@dataclass(frozen=True, kw_only=True)
class ScanArgs:
    namespace: str
    platform: Platform
    api: Api
    worker: Worker
    model: Model


class Scan(pulumi.ComponentResource):
    """Ready when every API pod and every worker is. The Secrets of the namespace are the rewards' pods' as well."""

    service: Service

    def __init__(self, name: str, args: ScanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:scan:Scan", name, None, opts)
        credentials = Credentials(namespace=args.namespace, application=APPLICATION, parent=self)
        redis_secret = credentials.redis(args.platform)
        model_secret = credentials.secret(MODEL_SECRET, {MODEL_KEY: args.model.api_key})
        api = AppService(API, api_args(args), pulumi.ResourceOptions(parent=self, depends_on=[redis_secret]))
        AppService(
            WORKER,
            worker_args(args),
            pulumi.ResourceOptions(parent=self, depends_on=[redis_secret, model_secret]),
        )
        assert api.service is not None
        self.service = api.service
        self.register_outputs({})


def api_args(args: ScanArgs) -> AppServiceArgs:
    platform = args.platform
    limits = {
        "OUTBOX_MAX_ENTRIES": str(args.api.outbox_max_entries),
        "REDIS_WAITAOF": str(platform.redis.waitaof).lower(),
    }
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.api"],
        port=HTTP,
        replicas=args.api.replicas,
        most_replicas=args.api.most_replicas,
        rollout=KEEP_ALL,
        probes=SERVER,
        resources=args.api.resources,
        avoid_domain=platform.avoid_domain,
        env=[
            *broker_env(platform, API),
            *redis_env(platform),
            *plain_env(limits),
            *state_env(args.api),
            *log_env(platform),
            *tracing_env(platform),
        ],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(platform.redis.password, platform.users[API].identity)},
        exposure=Exposure(port=80, target=HTTP, type=args.api.service_type),
    )


def worker_args(args: ScanArgs) -> AppServiceArgs:
    platform = args.platform
    credentials = (platform.redis.password, args.model.api_key, platform.users[WORKER].identity)
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.worker", "scan"],
        port=METRICS,
        replicas=args.worker.replicas,
        most_replicas=args.worker.most_replicas,
        rollout=REPLACE_ONE,
        probes=CONSUMER,
        resources=args.worker.resources,
        avoid_domain=platform.avoid_domain,
        env=[
            *broker_env(platform, WORKER),
            *redis_env(platform),
            *model_env(args.model),
            *plain_env({"WORKER_CONCURRENCY": str(args.worker.concurrency)}),
            *state_env(args.api),
            *log_env(platform),
            *tracing_env(platform),
        ],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(*credentials)},
    )


def model_env(model: Model) -> list[EnvVarArgs]:
    address = {"MODEL_BASE_URL": model.base_url, "MODEL_VISION": model.vision, "MODEL_ANSWER": model.answer}
    return [*plain_env(address), secret_env("MODEL_API_KEY", MODEL_SECRET, MODEL_KEY)]


def state_env(api: Api) -> list[EnvVarArgs]:
    """For everything that writes a scan's record."""
    return plain_env({"STATE_TTL_SECONDS": str(api.state_ttl_seconds)})
