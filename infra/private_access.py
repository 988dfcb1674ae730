"""Who may connect to a store of AWS: the cluster's nodes and pods, and nobody else."""

import pulumi
from pulumi_aws.ec2 import SecurityGroup, SecurityGroupIngressArgs

from infra.aws_settings import Aws
from infra.iam import TAGS


def private_access(name: str, port: int, settings: Aws, opts: pulumi.ResourceOptions) -> SecurityGroup:
    """A group that lets the cluster in at one port, and lets the store itself connect to nothing."""
    return SecurityGroup(
        name,
        description=f"{name}: from the nodes and pods of {settings.cluster_name}",
        vpc_id=settings.vpc_id,
        ingress=[
            SecurityGroupIngressArgs(
                protocol="tcp",
                from_port=port,
                to_port=port,
                security_groups=[settings.cluster_security_group],
                description=settings.cluster_name,
            )
        ],
        egress=[],
        tags=TAGS,
        opts=opts,
    )
