"""The Character service, and what keeps its tables: migrations, the two savers, and the warm-up of its caches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgs

from infra.app_job import AppJob, AppJobArgs
from infra.app_service import (
    CACHE,
    CONSUMER,
    KEEP_ALL,
    METRICS,
    REPLACE_ONE,
    AppService,
    AppServiceArgs,
    Exposure,
    Port,
)
from infra.credentials import FINGERPRINT, fingerprint
from infra.platform import Credentials, Platform, broker_config_maps, broker_env, log_env, postgres_env, tracing_env
from infra.service_settings import Character as CharacterSettings
from infra.service_settings import Savers

APPLICATION = "character"
SERVICE = "character"
MIGRATION = "character-migration"
WARM_UP = "character-warm-up"
SAVERS = {"character-worker": "character", "users-worker": "users"}
"""What each saver is called, by its RabbitMQ user too, and what its program calls it."""

GRPC = Port(name="grpc", number=50051)


@dataclass(frozen=True, kw_only=True)
class CharacterArgs:
    namespace: str
    platform: Platform
    service: CharacterSettings
    savers: Savers


class Character(pulumi.ComponentResource):
    """Ready when every pod is, and has been told to read the catalogue. Its tables come before all of them."""

    host: str
    """DNS name within the cluster, of all pods' addresses."""

    def __init__(self, name: str, args: CharacterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:character:Character", name, None, opts)
        credentials = Credentials(namespace=args.namespace, application=APPLICATION, parent=self)
        password = credentials.postgres(args.platform)
        migration = AppJob(MIGRATION, migration_args(args), self._after(password))
        service = AppService(SERVICE, service_args(args), self._after(migration))
        for saver in SAVERS:
            AppService(saver, saver_args(args, saver), self._after(migration))
        AppJob(WARM_UP, warm_up_args(args), self._after(service))
        self.host = f"{SERVICE}.{args.namespace}.svc"
        self.register_outputs({"host": self.host})

    def _after(self, needed: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[needed])


def migration_args(args: CharacterArgs) -> AppJobArgs:
    return job_args(args, ["app.character.migrate"], postgres_env(args.platform), {})


def warm_up_args(args: CharacterArgs) -> AppJobArgs:
    platform = args.platform
    env = [*broker_env(platform, SERVICE), *postgres_env(platform), *log_env(platform)]
    return job_args(args, ["app.character.catalogue", "reload"], env, broker_config_maps(platform))


def job_args(
    args: CharacterArgs, module: Sequence[str], env: Sequence[EnvVarArgs], config_maps: Mapping[str, str]
) -> AppJobArgs:
    return AppJobArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=args.platform.images,
        command=["python", "-m", *module],
        resources=args.service.resources,
        avoid_domain=args.platform.avoid_domain,
        env=env,
        config_maps=config_maps,
    )


def service_args(args: CharacterArgs) -> AppServiceArgs:
    platform = args.platform
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.character"],
        port=METRICS,
        replicas=args.service.replicas,
        rollout=KEEP_ALL,
        probes=CACHE,
        resources=args.service.resources,
        avoid_domain=platform.avoid_domain,
        env=[*broker_env(platform, SERVICE), *postgres_env(platform), *log_env(platform), *tracing_env(platform)],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(platform.postgres.password, platform.users[SERVICE].identity)},
        exposure=Exposure(port=GRPC.number, target=GRPC, headless=True),
    )


def saver_args(args: CharacterArgs, name: str) -> AppServiceArgs:
    platform = args.platform
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.savers", SAVERS[name]],
        port=METRICS,
        replicas=args.savers.replicas,
        rollout=REPLACE_ONE,
        probes=CONSUMER,
        resources=args.savers.resources,
        avoid_domain=platform.avoid_domain,
        env=[*broker_env(platform, name), *postgres_env(platform), *log_env(platform), *tracing_env(platform)],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(platform.postgres.password, platform.users[name].identity)},
    )
