"""The end of a scan's chain: the worker that asks Character for a reward, and the timer that repairs what was lost."""

from dataclasses import dataclass

import pulumi

from infra.app_service import CONSUMER, METRICS, NEVER_TWO, REPLACE_ONE, AppService, AppServiceArgs
from infra.character import GRPC
from infra.credentials import FINGERPRINT, fingerprint, plain_env
from infra.platform import Platform, broker_config_maps, broker_env, log_env, redis_env, tracing_env
from infra.scan import state_env
from infra.service_settings import Api, Beat
from infra.service_settings import Rewards as RewardsSettings

APPLICATION = "scan"
WORKER = "reward-worker"
BEAT = "celery-beat"


@dataclass(frozen=True, kw_only=True)
class RewardsArgs:
    namespace: str
    platform: Platform
    api: Api
    worker: RewardsSettings
    beat: Beat
    character_host: str


class Rewards(pulumi.ComponentResource):
    """Ready when the workers and the timer are. Needs the namespace's Secret of Redis (infra/scan.py)."""

    def __init__(self, name: str, args: RewardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:rewards:Rewards", name, None, opts)
        worker = AppService(WORKER, worker_args(args), pulumi.ResourceOptions(parent=self))
        AppService(BEAT, beat_args(args), pulumi.ResourceOptions(parent=self, depends_on=[worker]))
        self.register_outputs({})


def worker_args(args: RewardsArgs) -> AppServiceArgs:
    platform = args.platform
    character = {"CHARACTER_HOST": args.character_host, "CHARACTER_PORT": str(GRPC.number)}
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.worker", "reward"],
        port=METRICS,
        replicas=args.worker.replicas,
        rollout=REPLACE_ONE,
        probes=CONSUMER,
        resources=args.worker.resources,
        avoid_domain=platform.avoid_domain,
        env=[
            *broker_env(platform, WORKER),
            *redis_env(platform),
            *plain_env(character),
            *state_env(args.api),
            *log_env(platform),
            *tracing_env(platform),
        ],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(platform.redis.password, platform.users[WORKER].identity)},
    )


def beat_args(args: RewardsArgs) -> AppServiceArgs:
    platform = args.platform
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.beat"],
        port=METRICS,
        replicas=1,
        rollout=NEVER_TWO,
        probes=CONSUMER,
        resources=args.beat.resources,
        avoid_domain=platform.avoid_domain,
        env=[
            *broker_env(platform, BEAT),
            *plain_env({"DEADLETTER_REPLAY_SECONDS": str(args.beat.deadletter_replay_seconds)}),
            *log_env(platform),
        ],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(platform.users[BEAT].identity)},
    )
