"""The registry of the app's image on AWS."""

from dataclasses import dataclass

import pulumi
from pulumi_aws.ecr import (
    LifecyclePolicy,
    LifecyclePolicyActionArgs,
    LifecyclePolicyActionType,
    LifecyclePolicyCountType,
    LifecyclePolicyDocumentArgs,
    LifecyclePolicyRuleArgs,
    LifecyclePolicySelectionArgs,
    LifecyclePolicyTagStatus,
    Repository,
    RepositoryEncryptionConfigurationArgs,
    RepositoryImageScanningConfigurationArgs,
)

from infra.iam import TAGS

UNTAGGED_DAYS = 7
"""Left over by pushes that were cut off."""
KEPT_IMAGES = 200
"""Far more releases than anybody rolls back over: an image that a pod may still be given must not go."""


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    repository: str
    protect: bool


class Registry(pulumi.ComponentResource):
    url: pulumi.Output[str]
    """What an image's name begins with."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:registry:Registry", name, None, opts)
        repository = Repository(
            name,
            name=args.repository,
            # What a tag means never changes, so a node that pulled it before runs the same.
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[RepositoryEncryptionConfigurationArgs(encryption_type="KMS")],
            force_delete=False,
            tags=TAGS,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        LifecyclePolicy(
            name,
            repository=repository.name,
            policy=LifecyclePolicyDocumentArgs(rules=[drop_untagged(), keep_newest()]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url = repository.repository_url
        self.register_outputs({"url": self.url})


def drop_untagged() -> LifecyclePolicyRuleArgs:
    return LifecyclePolicyRuleArgs(
        rule_priority=1,
        description="pushes that were cut off",
        selection=LifecyclePolicySelectionArgs(
            tag_status=LifecyclePolicyTagStatus.UNTAGGED,
            count_type=LifecyclePolicyCountType.SINCE_IMAGE_PUSHED,
            count_unit="days",
            count_number=UNTAGGED_DAYS,
        ),
        action=LifecyclePolicyActionArgs(type=LifecyclePolicyActionType.EXPIRE),
    )


def keep_newest() -> LifecyclePolicyRuleArgs:
    return LifecyclePolicyRuleArgs(
        rule_priority=2,
        description="releases that are long over",
        selection=LifecyclePolicySelectionArgs(
            tag_status=LifecyclePolicyTagStatus.ANY,
            count_type=LifecyclePolicyCountType.IMAGE_COUNT_MORE_THAN,
            count_number=KEPT_IMAGES,
        ),
        action=LifecyclePolicyActionArgs(type=LifecyclePolicyActionType.EXPIRE),
    )
