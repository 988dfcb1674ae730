"""The brokers' nodes on AWS: one EKS node group over three zones, labelled and tainted for nobody else."""

from dataclasses import dataclass

import pulumi
from pulumi_aws.ec2 import (
    LaunchTemplate,
    LaunchTemplateBlockDeviceMappingArgs,
    LaunchTemplateBlockDeviceMappingEbsArgs,
    LaunchTemplateMetadataOptionsArgs,
    LaunchTemplateNetworkInterfaceArgs,
    LaunchTemplateTagSpecificationArgs,
)
from pulumi_aws.eks import (
    NodeGroup,
    NodeGroupLaunchTemplateArgs,
    NodeGroupScalingConfigArgs,
    NodeGroupTaintArgs,
    NodeGroupUpdateConfigArgs,
)

from infra.aws_settings import Aws
from infra.checks import SettingsError
from infra.iam import MANAGED, TAGS, service_role, trust
from infra.placement import DOMAIN

ROOT_DEVICE = "/dev/xvda"
"""Of Amazon Linux."""


@dataclass(frozen=True, kw_only=True)
class DataNodesArgs:
    settings: Aws
    domain: str
    """Value of the label and the taint ``domain``."""
    brokers: int

    def __post_init__(self) -> None:
        if not self.domain:
            raise SettingsError("rabbitmqNodeDomain is empty, so awsClusterName would make nodes for nobody.")

    @property
    def size(self) -> int:
        """A node for each broker, and one in each zone: a broker's volume cannot follow it into another zone."""
        return max(self.brokers, len(self.settings.subnets))


class DataNodes(pulumi.ComponentResource):
    """Ready when every node has joined the cluster."""

    def __init__(self, name: str, args: DataNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:nodes:DataNodes", name, None, opts)
        trusted = trust("ec2.amazonaws.com", ["sts:AssumeRole"])
        role, rights = service_role(f"{name}-node", trust=trusted, policies=node_policies(args), parent=self)
        template = launch_template(name, args, self)
        NodeGroup(
            name,
            cluster_name=args.settings.cluster_name,
            node_group_name=args.domain,
            node_role_arn=role.arn,
            subnet_ids=list(args.settings.subnets),
            ami_type=args.settings.data_ami_type,
            capacity_type="ON_DEMAND",
            launch_template=NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
            scaling_config=NodeGroupScalingConfigArgs(min_size=args.size, desired_size=args.size, max_size=args.size),
            # With one node away two brokers are left, which are a majority.
            update_config=NodeGroupUpdateConfigArgs(max_unavailable=1),
            labels={DOMAIN: args.domain},
            taints=[NodeGroupTaintArgs(key=DOMAIN, value=args.domain, effect="NO_SCHEDULE")],
            tags=TAGS,
            # Without its rights a node never joins, and one that loses them cannot be drained.
            opts=pulumi.ResourceOptions(parent=self, depends_on=rights),
        )
        self.register_outputs({})


def node_policies(args: DataNodesArgs) -> dict[str, str]:
    """What a node cannot do without: join, pull images, and give pods addresses unless the CNI has its own role."""
    policies = {
        "join": f"{MANAGED}/AmazonEKSWorkerNodePolicy",
        "pull": f"{MANAGED}/AmazonEC2ContainerRegistryPullOnly",
    }
    return policies | ({"cni": f"{MANAGED}/AmazonEKS_CNI_Policy"} if args.settings.cni_on_nodes else {})


def launch_template(name: str, args: DataNodesArgs, parent: pulumi.Resource) -> LaunchTemplate:
    """The instance type stands here and not in the node group, where a change of it would replace the group."""
    settings = args.settings
    return LaunchTemplate(
        name,
        instance_type=settings.data_instance_type,
        update_default_version=True,
        block_device_mappings=[
            LaunchTemplateBlockDeviceMappingArgs(
                device_name=ROOT_DEVICE,
                ebs=LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_type="gp3",
                    volume_size=settings.data_disk_gib,
                    encrypted="true",
                    delete_on_termination="true",
                ),
            )
        ],
        metadata_options=LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled",
            http_tokens="required",
            # One hop ends at the node: no pod with a network of its own can take the node's role.
            http_put_response_hop_limit=1,
        ),
        network_interfaces=[
            LaunchTemplateNetworkInterfaceArgs(
                device_index=0,
                associate_public_ip_address="false",
                delete_on_termination="true",
                # Named here, because EKS adds it only to templates without an interface of their own.
                security_groups=[settings.cluster_security_group],
            )
        ],
        tag_specifications=[
            LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=TAGS | {"Name": f"eco2-{args.domain}"})
            for kind in ("instance", "volume", "network-interface")
        ],
        tags=TAGS,
        opts=pulumi.ResourceOptions(parent=parent),
    )
