"""Volumes on AWS: the EBS driver with a role of its own, and the class that the stack's volumes are of."""

from dataclasses import dataclass

import pulumi
from pulumi_aws.eks import Addon, AddonPodIdentityAssociationArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.storage.v1 import StorageClass

from infra.aws_settings import Aws
from infra.iam import MANAGED, TAGS, service_role, trust_of_pods
from infra.labels import labels

NAMESPACE = "kube-system"
SERVICE_ACCOUNT = "ebs-csi-controller-sa"
"""The add-on's own names."""


@dataclass(frozen=True, kw_only=True)
class EbsArgs:
    settings: Aws
    storage_class: str


class Ebs(pulumi.ComponentResource):
    """Ready when volumes can be claimed."""

    def __init__(self, name: str, args: EbsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:ebs:Ebs", name, None, opts)
        cluster = args.settings.cluster_name
        role, rights = service_role(
            f"{name}-csi",
            trust=trust_of_pods(cluster, NAMESPACE, SERVICE_ACCOUNT),
            policies={"volumes": f"{MANAGED}/service-role/AmazonEBSCSIDriverPolicy"},
            parent=self,
        )
        driver = Addon(
            f"{name}-csi",
            cluster_name=cluster,
            addon_name="aws-ebs-csi-driver",
            pod_identity_associations=[
                AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=SERVICE_ACCOUNT)
            ],
            tags=TAGS,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*rights, *self._agent(name, args)]),
        )
        StorageClass(
            args.storage_class,
            metadata=ObjectMetaArgs(name=args.storage_class, labels=labels(args.storage_class, "storage")),
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "csi.storage.k8s.io/fstype": "ext4"},
            # A volume is made in the zone of the node that its pod is given.
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            # What was deleted by mistake can be bound again; what is really over must be deleted by hand.
            reclaim_policy="Retain",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[driver]),
        )
        self.register_outputs({})

    def _agent(self, name: str, args: EbsArgs) -> list[Addon]:
        """What hands roles to pods, on each node."""
        if not args.settings.pod_identity_agent:
            return []
        return [
            Addon(
                f"{name}-pod-identity",
                cluster_name=args.settings.cluster_name,
                addon_name="eks-pod-identity-agent",
                tags=TAGS,
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]
