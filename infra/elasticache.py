"""Redis as a service of AWS: ElastiCache in two zones, encrypted on disk and on the way."""

from dataclasses import dataclass

import pulumi
from pulumi_aws.elasticache import ParameterGroup, ParameterGroupParameterArgs, ReplicationGroup, SubnetGroup

from infra.aws_settings import Aws
from infra.checks import SettingsError, check_store_password
from infra.iam import TAGS
from infra.private_access import private_access
from infra.redis import PORT
from infra.settings import Redis

ENGINE = "redis"
VERSION = "7.1"
FAMILY = "redis7"


@dataclass(frozen=True, kw_only=True)
class ElastiCacheArgs:
    settings: Aws
    redis: Redis
    protect: bool

    def __post_init__(self) -> None:
        if self.redis.waitaof:
            raise SettingsError(
                "redisWaitAof cannot be true with elasticacheNodeType: ElastiCache has no append-only file, and every "
                "POST would fail."
            )


class ElastiCache(pulumi.ComponentResource):
    """Ready when the primary takes connections: by TLS, with the password of the settings."""

    host: pulumi.Output[str]
    """Name of the primary, whichever node that is."""

    def __init__(self, name: str, args: ElastiCacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:elasticache:ElastiCache", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        subnets = SubnetGroup(name, subnet_ids=list(args.settings.subnets), tags=TAGS, opts=child)
        access = private_access(name, PORT, args.settings, child)
        parameters = ParameterGroup(
            name,
            family=FAMILY,
            # A full Redis refuses writes, and the API answers 429. Evicting would drop accepted scans.
            parameters=[ParameterGroupParameterArgs(name="maxmemory-policy", value="noeviction")],
            tags=TAGS,
            opts=child,
        )
        group = ReplicationGroup(
            name,
            description="Eco2: states, photos and outbox of the scans",
            engine=ENGINE,
            engine_version=VERSION,
            node_type=args.settings.elasticache_node_type,
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[access.id],
            port=PORT,
            num_cache_clusters=2,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            at_rest_encryption_enabled=True,
            transit_encryption_enabled=True,
            auth_token=args.redis.password.apply(elasticache_password),
            # The pods are given the new password in the same update: the old one must be refused after it.
            auth_token_update_strategy="SET",
            snapshot_retention_limit=7,
            apply_immediately=True,
            tags=TAGS,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.host = group.primary_endpoint_address
        self.register_outputs({"host": self.host})


def elasticache_password(password: str) -> str:
    """ElastiCache takes fewer characters than Redis itself does."""
    return check_store_password("redisPassword", password, refused="._~+/=")
