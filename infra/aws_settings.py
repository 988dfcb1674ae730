"""Settings of what the stack asks of AWS. See infra/settings.py, which reads them."""

import re
from dataclasses import dataclass
from typing import Annotated

from infra.checks import SettingsError, check_at_least
from infra.config_keys import Key

ZONES = 3
"""Brokers in three zones go on with two of them; in two zones they would lose their majority with one."""


@dataclass(frozen=True, kw_only=True)
class Aws:
    """An existing EKS cluster gets nodes for the brokers, volumes and a registry, and stores of AWS if asked for."""

    cluster_name: Annotated[str, Key("awsClusterName")]
    """Empty: nothing here is made, and everything of the stack runs in whatever cluster it is given."""
    vpc_id: Annotated[str, Key("awsVpcId")]
    """Of the cluster. Needed for stores alone."""
    subnet_ids: Annotated[str, Key("awsSubnetIds")]
    """Separated by commas: private ones with a way out, one in each zone."""
    cluster_security_group: Annotated[str, Key("awsClusterSecurityGroupId")]
    """The one that EKS made for the cluster: its nodes and pods are in it."""
    data_instance_type: Annotated[str, Key("awsDataInstanceType")]
    data_ami_type: Annotated[str, Key("awsDataAmiType")]
    """The processor must be the instance type's, and that of the images."""
    data_disk_gib: Annotated[int, Key("awsDataDiskGib")]
    """For images and logs: the brokers' data is on volumes of their own."""
    cni_on_nodes: Annotated[bool, Key("awsCniOnNodes")]
    """False where the add-on vpc-cni has a role of its own: the nodes then need no right to change the network."""
    ebs_csi: Annotated[bool, Key("awsEbsCsi")]
    pod_identity_agent: Annotated[bool, Key("awsPodIdentityAgent")]
    repository: Annotated[str, Key("awsRepository")]
    elasticache_node_type: Annotated[str, Key("elasticacheNodeType")]
    rds_instance_class: Annotated[str, Key("rdsInstanceClass")]

    @property
    def subnets(self) -> tuple[str, ...]:
        return tuple(subnet.strip() for subnet in self.subnet_ids.split(",") if subnet.strip())

    def __post_init__(self) -> None:
        stores = self.elasticache_node_type or self.rds_instance_class
        if not self.cluster_name:
            if stores:
                raise SettingsError(
                    "elasticacheNodeType and rdsInstanceClass need awsClusterName: whose pods may connect?"
                )
            return
        for subnet in self.subnets:
            check_id("awsSubnetIds", subnet, "subnet")
        if len(set(self.subnets)) < ZONES:
            raise SettingsError(
                f"awsSubnetIds must be {ZONES} subnets or more, each in a zone of its own (got {self.subnet_ids!r}): "
                'brokers in fewer zones lose their majority with one of them. README.md, "A real AWS account".'
            )
        check_id("awsClusterSecurityGroupId", self.cluster_security_group, "sg")
        if stores:
            check_id("awsVpcId", self.vpc_id, "vpc")
        check_at_least("awsDataDiskGib", self.data_disk_gib, 20)


def check_id(name: str, value: str, prefix: str) -> None:
    if not re.fullmatch(rf"{prefix}-[0-9a-f]{{8,17}}", value):
        raise SettingsError(
            f"{name} needs an identifier {prefix}-… (got {value!r}). "
            'README.md, "A real AWS account", says where to read it.'
        )
