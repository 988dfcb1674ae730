"""What AWS gives to the stack: nodes, volumes and a registry for a cluster that is there, and stores if asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Without AWS everything here is empty, and the stack is what it is anywhere."""

    nodes: tuple[pulumi.Resource, ...] = ()
    """What must be there before the brokers."""
    volumes: tuple[pulumi.Resource, ...] = ()
    """What must be there before anything that claims a volume."""
    redis_host: pulumi.Input[str] | None = None
    """Of ElastiCache, which takes TLS alone."""
    postgres_host: pulumi.Input[str] | None = None
    """Of RDS."""
    outputs: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """For ``pulumi stack output``."""


def cloud(config: Settings) -> Cloud:
    """Makes what the settings ask for. Raises ``SettingsError`` for what cannot be together."""
    if not config.aws.cluster_name:
        return Cloud()
    # Not above: pulumi_aws takes a second to import, for which stacks without AWS need not wait.
    from infra.ebs import Ebs, EbsArgs
    from infra.elasticache import ElastiCache, ElastiCacheArgs
    from infra.nodes import DataNodes, DataNodesArgs
    from infra.rds import Rds, RdsArgs
    from infra.registry import Registry, RegistryArgs

    aws, protect = config.aws, config.storage.protect_data
    nodes_args = DataNodesArgs(settings=aws, domain=config.rabbitmq.node_domain, brokers=config.rabbitmq.replicas)
    nodes = DataNodes("data", nodes_args)
    volumes = [Ebs("ebs", EbsArgs(settings=aws, storage_class=config.storage.storage_class))] if aws.ebs_csi else []
    outputs = {}
    if aws.repository:
        outputs["app_repository"] = Registry("app", RegistryArgs(repository=aws.repository, protect=protect)).url
    redis = postgres = None
    if aws.elasticache_node_type:
        redis = ElastiCache("redis", ElastiCacheArgs(settings=aws, redis=config.redis, protect=protect)).host
    if aws.rds_instance_class:
        postgres = Rds("postgres", RdsArgs(settings=aws, postgres=config.postgres, protect=protect)).host
    return Cloud(nodes=(nodes,), volumes=tuple(volumes), redis_host=redis, postgres_host=postgres, outputs=outputs)
