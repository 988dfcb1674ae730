"""Rules on what the stack asks of AWS."""

import json
from typing import Any

import pytest

from policies.iam import wildcards
from policies.resources import UNKNOWN, Resource
from policies.rules.aws import MANAGED, is_private
from tests.unit.policies.conftest import Case, aws, changed, kubernetes, messages

TAGS = {"part-of": "eco2", "managed-by": "pulumi"}
TEMPLATE = aws(
    "aws:ec2:LaunchTemplate",
    {
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeType": "gp3"}}],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "networkInterfaces": [{"deviceIndex": 0, "associatePublicIpAddress": "false"}],
        "tagSpecifications": [{"resourceType": kind, "tags": TAGS} for kind in ("instance", "volume")],
        "tags": TAGS,
    },
)
VOLUME = aws("aws:ebs:Volume", {"encrypted": True, "type": "gp3"})
CACHE = aws("aws:elasticache:ReplicationGroup", {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True})
DATABASE = aws("aws:rds:Instance", {"storageEncrypted": True, "publiclyAccessible": False})
PARAMETERS = aws(
    "aws:rds:ParameterGroup",
    {
        "family": "postgres14",
        "parameters": [{"name": "log_statement", "value": "all"}, {"name": "rds.force_ssl", "value": "1"}],
    },
)
OF_MYSQL = aws("aws:rds:ParameterGroup", {"family": "mysql8.4", "parameters": []})
REPOSITORY = aws(
    "aws:ecr:Repository",
    {
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfigurations": [{"encryptionType": "KMS"}],
    },
)
NODES = aws(
    "aws:eks:NodeGroup",
    {
        "subnetIds": ["subnet-a", "subnet-b", "subnet-c"],
        "scalingConfig": {"minSize": 3},
        "labels": {"domain": "data"},
        "taints": [{"key": "domain", "value": "data", "effect": "NO_SCHEDULE"}],
    },
)
OTHER_NODES = aws("aws:eks:NodeGroup", {"subnetIds": ["subnet-a"], "scalingConfig": {"minSize": 1}, "labels": {}})
CLUSTER = kubernetes("RabbitmqCluster", "broker", {"replicas": 3})
OPEN = ["0.0.0.0/0", "::/0", "0.0.0.0/1", "203.0.113.0/24", "no address"]
CLOSED = ["10.0.0.0/8", "172.16.5.0/24", "fd00::/48"]


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/one", **elements}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy(*statements: dict[str, Any], kind: str = "aws:iam:Policy") -> Resource:
    return aws(kind, {"policy": json.dumps(document(*statements))})


def trust(principal: Any) -> Resource:
    """A role as a program has it: data, which becomes text in the provider."""
    return aws(
        "aws:iam:Role",
        {"assumeRolePolicy": document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})},
    )


def attachment(name: str) -> Resource:
    return aws("aws:iam:RolePolicyAttachment", {"role": "node", "policyArn": f"{MANAGED}/{name}"})


def group(*cidrs: str) -> Resource:
    ranges = {
        "cidrBlocks": [cidr for cidr in cidrs if ":" not in cidr],
        "ipv6CidrBlocks": [cidr for cidr in cidrs if ":" in cidr],
    }
    return aws("aws:ec2:SecurityGroup", {"ingress": [ranges], "egress": [{"cidrBlocks": ["0.0.0.0/0"]}]})


def group_rule(direction: str) -> Resource:
    return aws("aws:ec2:SecurityGroupRule", {"type": direction, "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"]})


def ingress_rule(**ranges: str) -> Resource:
    return aws("aws:vpc:SecurityGroupIngressRule", ranges)


ALLOWED = policy(
    statement(),
    statement(Effect="Deny", Action="*", Resource="*"),
    {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": ["arn:aws:s3:::photos/one"]},
)

CASES = [
    *(
        Case("require-encrypted-storage", (good,), (changed(good, path, value),), says)
        for good, path, value, says in (
            (TEMPLATE, "blockDeviceMappings", [], "blockDeviceMappings is not set"),
            (TEMPLATE, "blockDeviceMappings.0.ebs.encrypted", "false", "blockDeviceMappings[0].ebs.encrypted is false"),
            (TEMPLATE, "blockDeviceMappings.0.ebs", ..., "blockDeviceMappings[0].ebs.encrypted is not set"),
            (TEMPLATE, "blockDeviceMappings.0.ebs.volumeType", "gp2", "ebs.volumeType is gp2, wanted gp3"),
            (VOLUME, "encrypted", ..., "encrypted is not set, wanted true"),
            (VOLUME, "type", "io1", "type is io1, wanted gp3"),
            (CACHE, "atRestEncryptionEnabled", False, "atRestEncryptionEnabled is false, wanted true"),
            (DATABASE, "storageEncrypted", ..., "storageEncrypted is not set, wanted true"),
            (REPOSITORY, "encryptionConfigurations", ..., "encryptionConfigurations is not set, wanted KMS"),
            (REPOSITORY, "encryptionConfigurations.0.encryptionType", "AES256", "[0].encryptionType is AES256"),
        )
    ),
    *(
        Case("require-encrypted-connections", (good, OF_MYSQL), (changed(good, path, value),), says)
        for good, path, value, says in (
            (CACHE, "transitEncryptionEnabled", ..., "transitEncryptionEnabled is not set, wanted true"),
            (CACHE, "transitEncryptionMode", "preferred", "transitEncryptionMode is preferred, wanted required"),
            (PARAMETERS, "parameters.1.value", "0", "parameters[1].value is 0, wanted 1, for rds.force_ssl"),
            (PARAMETERS, "parameters", [], "parameters is not set, wanted rds.force_ssl = 1"),
        )
    ),
    *(
        Case("require-instance-tokens", (TEMPLATE,), (changed(TEMPLATE, path, value),), says)
        for path, value, says in (
            ("metadataOptions", ..., "metadataOptions.httpTokens is not set, wanted required"),
            ("metadataOptions.httpTokens", "optional", "metadataOptions.httpTokens is optional"),
            ("metadataOptions.httpPutResponseHopLimit", 2, "httpPutResponseHopLimit is 2, wanted at most 1"),
            ("metadataOptions.httpPutResponseHopLimit", ..., "httpPutResponseHopLimit is not set"),
        )
    ),
    *(
        Case("forbid-wildcard-rights", (ALLOWED,), (policy(statement(), statement(**elements)),), says)
        for elements, says in (
            ({"Action": "*"}, "policy.Statement[1].Action is *, wanted full names"),
            ({"Action": "ec2:*"}, "policy.Statement[1].Action is ec2:*"),
            ({"Action": ["s3:GetObject", "s3:Put?bject"]}, "policy.Statement[1].Action is s3:Put?bject"),
            ({"Resource": "*"}, "policy.Statement[1].Resource is *"),
            ({"Resource": ["arn:aws:s3:::a", "arn:aws:s3:::*"]}, "Resource is arn:aws:s3:::*"),
            ({"NotAction": "iam:*"}, "NotAction is iam:*, wanted Action"),
            ({"NotResource": ["arn:aws:s3:::a"]}, "policy.Statement[1].NotResource"),
        )
    ),
    *(
        Case("forbid-wildcard-rights", (good,), (bad,), says)
        for good, bad, says in (
            (trust({"Service": "ec2.amazonaws.com"}), trust("*"), "assumeRolePolicy.Statement[0].Principal is *"),
            (trust({"AWS": "arn:aws:iam::1:root"}), trust({"AWS": ["*"]}), "Statement[0].Principal is *"),
            (
                aws("aws:iam:Role", {"inlinePolicies": [{"policy": json.dumps(document(statement()))}]}),
                aws("aws:iam:Role", {"inlinePolicies": [{"policy": json.dumps({"statement": statement(Action="*")})}]}),
                "inlinePolicies[0].policy.Statement.Action is *",
            ),
            (
                aws("aws:ecr:LifecyclePolicy", {"policy": '{"rules": [{"selection": {"tagPatternList": ["*"]}}]}'}),
                policy({"effect": "Allow", "action": "ecr:*", "resource": "*"}),
                "Action is ecr:*",
            ),
            (aws("aws:iam:Policy", {"policy": "no JSON *"}), policy(statement(Action="s3:*")), "Action is s3:*"),
        )
    ),
    *(
        Case(
            "forbid-wildcard-rights",
            (policy(statement(Principal={"AWS": "arn:aws:iam::1:root"}), kind=kind),),
            (policy(statement(Principal="*"), kind=kind),),
            "policy.Statement[0].Principal is *",
        )
        for kind in ("aws:s3:BucketPolicy", "aws:ecr:RepositoryPolicy", "aws:iam:RolePolicy")
    ),
    Case(
        "limit-managed-policies",
        (attachment("AmazonEKSWorkerNodePolicy"),),
        (attachment("AdministratorAccess"),),
        "policyArn is arn:aws:iam::aws:policy/AdministratorAccess",
    ),
    Case(
        "limit-managed-policies",
        (aws("aws:iam:Role", {"managedPolicyArns": []}),),
        (aws("aws:iam:Role", {"managedPolicyArns": [f"{MANAGED}/PowerUserAccess"]}),),
        "managedPolicyArns[0] is",
    ),
    *(
        Case("require-tags", (good, attachment("any")), (changed(good, path, value),), says)
        for good, path, value, says in (
            (
                aws("aws:kms:Key", {"tags": {**TAGS, "team": "eco2"}}),
                "tags",
                ...,
                "tags.part-of is not set, wanted eco2",
            ),
            (aws("aws:kms:Key", {"tags": TAGS}), "tags.managed-by", "hand", "tags.managed-by is hand, wanted pulumi"),
            (TEMPLATE, "tagSpecifications.1.tags", {}, "tagSpecifications[1].tags.part-of is not set"),
            (TEMPLATE, "tagSpecifications.1.resourceType", "network-interface", "wanted also of volume"),
            (TEMPLATE, "tagSpecifications", [], "tagSpecifications is not set, wanted also of instance, volume"),
        )
    ),
    *(
        Case("forbid-public-access", (good,), (changed(good, path, value),), says)
        for good, path, value, says in (
            (TEMPLATE, "networkInterfaces", ..., "networkInterfaces is not set, wanted one without"),
            (TEMPLATE, "networkInterfaces.0.associatePublicIpAddress", "true", "associatePublicIpAddress is true"),
            (TEMPLATE, "networkInterfaces.0.associatePublicIpAddress", ..., "associatePublicIpAddress is not set"),
            (DATABASE, "publiclyAccessible", True, "publiclyAccessible is true, wanted false"),
            (DATABASE, "publiclyAccessible", ..., "publiclyAccessible is not set, wanted false"),
        )
    ),
    Case(
        "forbid-public-access",
        (REPOSITORY,),
        (aws("aws:ecrpublic:Repository", {"repositoryName": "app"}),),
        "repositoryName is open to everybody",
    ),
    *(Case("forbid-open-ingress", (group(*CLOSED),), (group(*CLOSED, cidr),), f" is {cidr}, wanted") for cidr in OPEN),
    Case("forbid-open-ingress", (group_rule("egress"),), (group_rule("ingress"),), "cidrBlocks[1] is 0.0.0.0/0"),
    Case(
        "forbid-open-ingress",
        (ingress_rule(cidrIpv4="10.0.0.0/8"), ingress_rule(referencedSecurityGroupId="sg-1")),
        (ingress_rule(cidrIpv6="::/0"),),
        "cidrIpv6 is ::/0",
    ),
    *(
        Case("require-tainted-nodes", (NODES, OTHER_NODES), (changed(NODES, path, value), OTHER_NODES), says)
        for path, value, says in (
            ("labels.domain", "other", "labels.domain is other, wanted data"),
            ("taints.0.effect", "PREFER_NO_SCHEDULE", "taints is"),
            ("taints", ..., "taints is not set, wanted one of domain=data:NO_SCHEDULE"),
        )
    ),
    Case("require-tainted-nodes", (NODES, OTHER_NODES), (OTHER_NODES,), "labels.domain is not set"),
    *(
        Case("spread-data-nodes", (NODES, OTHER_NODES, CLUSTER), (changed(NODES, path, value), CLUSTER), says)
        for path, value, says in (
            ("subnetIds", ["subnet-a", "subnet-b", "subnet-b"], "subnetIds is"),
            ("subnetIds", ["subnet-a", "subnet-b", "subnet-c", "subnet-d"], "minSize is 3, wanted 4 or more"),
            ("scalingConfig.minSize", 2, "scalingConfig.minSize is 2, wanted 3 or more"),
            ("scalingConfig", ..., "scalingConfig.minSize is not set"),
        )
    ),
    Case(
        "spread-data-nodes",
        (NODES, CLUSTER),
        (NODES, changed(CLUSTER, "spec.replicas", 5)),
        "scalingConfig.minSize is 3, wanted 5 or more",
    ),
    Case(
        "require-immutable-tags",
        (REPOSITORY,),
        (changed(REPOSITORY, "imageTagMutability", ...),),
        "imageTagMutability is not set, wanted IMMUTABLE",
    ),
    Case(
        "require-image-scans",
        (REPOSITORY,),
        (changed(REPOSITORY, "imageScanningConfiguration", ...),),
        "imageScanningConfiguration.scanOnPush is not set, wanted true",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()


def test_a_node_without_metadata_gives_its_role_to_nobody() -> None:
    off = changed(TEMPLATE, "metadataOptions", {"httpEndpoint": "disabled"})
    assert not messages("require-instance-tokens", off)


def test_where_pods_need_metadata_one_hop_more_may_be_chosen() -> None:
    assert not messages(
        "require-instance-tokens", changed(TEMPLATE, "metadataOptions.httpPutResponseHopLimit", 2), hops=2
    )


def test_a_wildcard_beside_an_unknown_value_is_stopped() -> None:
    role = trust({"AWS": [UNKNOWN, "*"]})
    assert any("Principal is *" in message for message in messages("forbid-wildcard-rights", role))


@pytest.mark.parametrize(
    "unknown", [UNKNOWN, {"Statement": UNKNOWN}, {"Statement": [UNKNOWN]}, document(statement(Action=UNKNOWN))]
)
def test_an_unknown_policy_is_not_held_against_anybody(unknown: Any) -> None:
    assert not messages("forbid-wildcard-rights", aws("aws:iam:Policy", {"policy": unknown}))


def test_wildcards_are_found_wherever_they_stand() -> None:
    assert wildcards({"AWS": ["*", "arn"], "Service": "e?2"}) == ["*", "e?2"]
    assert wildcards(None) == wildcards(UNKNOWN) == []


def test_a_part_of_the_internet_is_not_private() -> None:
    assert [cidr for cidr in (*OPEN, *CLOSED) if is_private(cidr)] == CLOSED
