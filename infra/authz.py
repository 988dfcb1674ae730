"""The authorisation service: Envoy's ext_authz by gRPC, with the block list in memory."""

from dataclasses import dataclass

import pulumi

from infra.app_service import CACHE, KEEP_ALL, METRICS, AppService, AppServiceArgs, Exposure, Port
from infra.credentials import FINGERPRINT, fingerprint
from infra.platform import Credentials, Platform, broker_config_maps, broker_env, log_env, redis_env
from infra.service_settings import Authz as AuthzSettings

APPLICATION = "auth"
SERVICE = "authz"

GRPC = Port(name="grpc", number=50052)


@dataclass(frozen=True, kw_only=True)
class AuthzArgs:
    namespace: str
    platform: Platform
    service: AuthzSettings


class Authz(pulumi.ComponentResource):
    """Ready when every pod has the block list."""

    def __init__(self, name: str, args: AuthzArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:authz:Authz", name, None, opts)
        credentials = Credentials(namespace=args.namespace, application=APPLICATION, parent=self)
        needed = [credentials.redis(args.platform)]
        AppService(SERVICE, service_args(args), pulumi.ResourceOptions(parent=self, depends_on=needed))
        self.register_outputs({})


def service_args(args: AuthzArgs) -> AppServiceArgs:
    platform = args.platform
    return AppServiceArgs(
        namespace=args.namespace,
        application=APPLICATION,
        images=platform.images,
        command=["python", "-m", "app.authz", "serve"],
        port=METRICS,
        replicas=args.service.replicas,
        rollout=KEEP_ALL,
        probes=CACHE,
        resources=args.service.resources,
        avoid_domain=platform.avoid_domain,
        env=[*broker_env(platform, SERVICE), *redis_env(platform), *log_env(platform)],
        config_maps=broker_config_maps(platform),
        pod_annotations={FINGERPRINT: fingerprint(platform.redis.password, platform.users[SERVICE].identity)},
        exposure=Exposure(port=GRPC.number, target=GRPC),
    )
