"""Roles that AWS services take on for this stack."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_aws.iam import (
    PolicyDocumentArgs,
    PolicyDocumentVersion,
    PolicyStatementArgs,
    PolicyStatementEffect,
    Role,
    RolePolicyAttachment,
    ServicePrincipalArgs,
)

MANAGED = "arn:aws:iam::aws:policy"
TAGS = {"part-of": "eco2", "managed-by": "pulumi"}
"""On everything that costs or holds something."""


def service_role(
    name: str,
    *,
    trust: PolicyDocumentArgs,
    policies: Mapping[str, str],
    parent: pulumi.Resource,
) -> tuple[Role, list[RolePolicyAttachment]]:
    """A role, and the managed policies that it has: ARNs by what they are for."""
    child = pulumi.ResourceOptions(parent=parent)
    role = Role(name, assume_role_policy=trust, tags=TAGS, opts=child)
    attached = [
        RolePolicyAttachment(f"{name}-{purpose}", role=role.name, policy_arn=arn, opts=child)
        for purpose, arn in policies.items()
    ]
    return role, attached


def trust(service: str, actions: Sequence[str], condition: Mapping[str, Any] | None = None) -> PolicyDocumentArgs:
    """Only ``service`` may take the role on, and only under ``condition``."""
    # A statement for each action: the SDK fails to serialize a list of them inside of a role.
    statements = [
        PolicyStatementArgs(
            effect=PolicyStatementEffect.ALLOW,
            principal=ServicePrincipalArgs(service=service),
            action=action,
            condition=condition,
        )
        for action in actions
    ]
    return PolicyDocumentArgs(version=PolicyDocumentVersion.POLICY_DOCUMENT_VERSION_2012_10_17, statement=statements)


def trust_of_pods(cluster_name: str, namespace: str, service_account: str) -> PolicyDocumentArgs:
    """Only pods of one service account of one cluster, by EKS pod identity."""
    tags = {
        "aws:RequestTag/eks-cluster-name": cluster_name,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    return trust("pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"], {"StringEquals": tags})
