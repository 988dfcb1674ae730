"""What AWS is asked for: nothing without a cluster's name, and nothing that is open to others with one."""

import subprocess
import sys

import pytest

from infra.checks import SettingsError
from tests.unit.conftest import ROOT, STORES, Made, Recording, run_stack

CLUSTER = "eco2-prod"
SUBNETS = ["subnet-0000000a", "subnet-0000000b", "subnet-0000000c"]
NODES_AND_PODS = "sg-0000000d"


@pytest.fixture
def stores() -> Recording:
    """Production with stores of AWS instead of those in the cluster."""
    return run_stack("prod", **STORES)


def template(stack: Recording) -> Made:
    return stack.one_of_aws("LaunchTemplate")


def trust(role: Made) -> list[dict[str, object]]:
    """The statements that say who may take a role on."""
    statements: list[dict[str, object]] = role.inputs["assumeRolePolicy"]["Statement"]
    return statements


def rights(stack: Recording, role: str) -> set[str]:
    """Names of the managed policies of a role."""
    attached = [made for made in stack.of_aws("RolePolicyAttachment") if made.name.startswith(f"{role}-")]
    return {str(made.inputs["policyArn"]).rpartition("/")[2] for made in attached}


def test_a_stack_without_a_cluster_asks_nothing_of_aws(dev: Recording) -> None:
    assert not [made.name for made in dev.made if made.type.startswith("aws:")]
    assert not dev.of_kind("StorageClass"), "other clusters have their own"


def test_a_stack_without_aws_does_not_wait_for_its_library() -> None:
    program = "import sys, infra.aws, infra.settings; sys.exit('pulumi_aws' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_the_data_nodes_are_one_in_each_zone_and_go_away_one_at_a_time(prod: Recording) -> None:
    group = prod.one_of_aws("NodeGroup").inputs
    assert (group["clusterName"], group["nodeGroupName"]) == (CLUSTER, "data")
    assert group["subnetIds"] == SUBNETS
    assert group["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 3}
    assert group["updateConfig"] == {"maxUnavailable": 1}, "two brokers of three are a majority, one is none"
    assert group["capacityType"] == "ON_DEMAND"


def test_a_volume_is_never_left_in_a_zone_without_a_node() -> None:
    sizes = run_stack("prod", rabbitmqReplicas=1).one_of_aws("NodeGroup").inputs["scalingConfig"]
    assert sizes["minSize"] == 3, "the only node could come back in another zone"


def test_brokers_and_nobody_else_come_onto_the_data_nodes(prod: Recording) -> None:
    group = prod.one_of_aws("NodeGroup").inputs
    assert group["labels"] == {"domain": "data"}
    assert group["taints"] == [{"key": "domain", "value": "data", "effect": "NO_SCHEDULE"}]
    (toleration,) = prod.one("RabbitmqCluster", "eco2-rabbitmq").spec["tolerations"]
    assert (toleration["key"], toleration["value"]) == ("domain", "data")


def test_a_data_nodes_disk_is_encrypted(prod: Recording) -> None:
    (disk,) = template(prod).inputs["blockDeviceMappings"]
    assert disk["deviceName"] == "/dev/xvda", "any other disk would leave the root as the image has it"
    assert (disk["ebs"]["encrypted"], disk["ebs"]["volumeType"]) == ("true", "gp3")


def test_no_pod_can_take_a_data_nodes_role(prod: Recording) -> None:
    options = template(prod).inputs["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_a_data_node_has_no_public_address_and_is_in_the_clusters_group(prod: Recording) -> None:
    (interface,) = template(prod).inputs["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"
    assert interface["securityGroups"] == [NODES_AND_PODS], "it could not reach the control plane"
    assert "keyName" not in template(prod).inputs, "nobody logs in to a node"


def test_a_data_nodes_template_is_what_its_group_runs(prod: Recording) -> None:
    group, made = prod.one_of_aws("NodeGroup"), template(prod)
    assert group.inputs["launchTemplate"]["id"] == f"{made.name}-id"
    assert "instanceTypes" not in group.inputs, "a change of it would replace the group, and all brokers at once"
    assert made.inputs["instanceType"] == "m7i.large"


def test_a_data_node_may_join_pull_and_give_addresses(prod: Recording) -> None:
    policies = {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy"}
    assert rights(prod, "data-node") == policies
    role = prod.one_of_aws("Role", "data-node")
    assert trust(role) == [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    attached = {made.name for made in prod.needed_by(prod.one_of_aws("NodeGroup")) if "Attachment" in made.type}
    assert len(attached) == 3, "a node without its rights never joins"


def test_a_data_node_may_not_change_the_network_where_the_cni_has_its_own_role() -> None:
    assert "AmazonEKS_CNI_Policy" not in rights(run_stack("prod", awsCniOnNodes=False), "data-node")


def test_only_the_ebs_driver_of_this_cluster_has_its_role(prod: Recording) -> None:
    tags = {
        "aws:RequestTag/eks-cluster-name": CLUSTER,
        "aws:RequestTag/kubernetes-namespace": "kube-system",
        "aws:RequestTag/kubernetes-service-account": "ebs-csi-controller-sa",
    }
    assert trust(prod.one_of_aws("Role", "ebs-csi")) == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": action,
            "Condition": {"StringEquals": tags},
        }
        for action in ("sts:AssumeRole", "sts:TagSession")
    ]
    assert rights(prod, "ebs-csi") == {"AmazonEBSCSIDriverPolicy"}
    (association,) = prod.one_of_aws("Addon", "ebs-csi").inputs["podIdentityAssociations"]
    assert association == {"roleArn": "arn:ebs-csi", "serviceAccount": "ebs-csi-controller-sa"}


def test_the_driver_comes_after_its_rights_and_what_hands_them_out(prod: Recording) -> None:
    needed = {made.name for made in prod.needed_by(prod.one_of_aws("Addon", "ebs-csi")) if made.type.startswith("aws:")}
    assert needed == {"ebs-csi", "ebs-csi-volumes", "ebs-pod-identity"}


def test_volumes_are_encrypted_and_outlive_their_claims(prod: Recording) -> None:
    made = prod.one("StorageClass", "gp3").inputs
    assert made["provisioner"] == "ebs.csi.aws.com"
    assert (made["parameters"]["type"], made["parameters"]["encrypted"]) == ("gp3", "true")
    assert made["reclaimPolicy"] == "Retain", "a deleted claim would take the queued messages along"
    assert made["volumeBindingMode"] == "WaitForFirstConsumer", "the volume could be in another zone than its pod"
    assert made["allowVolumeExpansion"] is True


@pytest.mark.parametrize(
    ("kind", "name"), [("RabbitmqCluster", "eco2-rabbitmq"), ("StatefulSet", "redis"), ("StatefulSet", "postgres")]
)
def test_what_claims_a_volume_comes_after_the_class_and_its_driver(kind: str, name: str, prod: Recording) -> None:
    needed = prod.needed_by(prod.one(kind, name))
    assert {made.name for made in needed if "StorageClass" in made.type or "Addon" in made.type} >= {"gp3", "ebs-csi"}


def test_brokers_come_after_their_nodes(prod: Recording) -> None:
    needed = prod.needed_by(prod.one("RabbitmqCluster", "eco2-rabbitmq"))
    assert prod.one_of_aws("NodeGroup") in needed


def test_a_cluster_that_has_a_driver_keeps_it() -> None:
    stack = run_stack("prod", awsEbsCsi=False)
    assert not stack.of_aws("Addon")
    assert not stack.of_kind("StorageClass")


def test_a_cluster_that_has_the_agent_keeps_it() -> None:
    assert [made.name for made in run_stack("prod", awsPodIdentityAgent=False).of_aws("Addon")] == ["ebs-csi"]


def test_an_images_tag_never_changes_its_meaning_and_is_looked_into(prod: Recording) -> None:
    repository = prod.one_of_aws("Repository")
    assert repository.inputs["name"] == "eco2-app"
    assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
    assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS"}]
    assert repository.inputs["forceDelete"] is False
    assert repository.protected


def test_the_registry_forgets_what_nobody_can_run_any_more(prod: Recording) -> None:
    untagged, old = prod.one_of_aws("LifecyclePolicy").inputs["policy"]["rules"]
    assert untagged["selection"]["tagStatus"] == "untagged"
    assert old["selection"]["countType"] == "imageCountMoreThan", "by age, the image that runs could go"
    assert old["selection"]["countNumber"] >= 100
    assert untagged["rulePriority"] < old["rulePriority"]


def test_stores_of_aws_take_the_place_of_those_in_the_cluster(stores: Recording, prod: Recording) -> None:
    assert not prod.of_aws("ReplicationGroup")
    assert not prod.of_aws("Instance")
    assert not stores.of_kind("StatefulSet"), "two stores of one name would divide the data"


def test_elasticache_is_encrypted_and_asks_for_the_password(stores: Recording) -> None:
    group = stores.one_of_aws("ReplicationGroup")
    assert group.inputs["atRestEncryptionEnabled"] is True
    assert group.inputs["transitEncryptionEnabled"] is True, "the password would cross the network in plain"
    assert group.inputs["authToken"] == "not-a-real-password"
    assert "authToken" in group.secrets
    assert group.inputs["authTokenUpdateStrategy"] == "SET", "a password that leaked would go on being accepted"
    assert group.protected


def test_elasticache_lives_on_when_a_zone_dies_and_never_evicts(stores: Recording) -> None:
    group = stores.one_of_aws("ReplicationGroup").inputs
    assert (group["numCacheClusters"], group["automaticFailoverEnabled"], group["multiAzEnabled"]) == (2, True, True)
    assert group["snapshotRetentionLimit"] >= 1
    (parameters,) = (made for made in stores.of_aws("ParameterGroup") if "elasticache" in made.type)
    assert parameters.inputs["parameters"] == [{"name": "maxmemory-policy", "value": "noeviction"}]


def test_rds_is_encrypted_private_and_backed_up(stores: Recording) -> None:
    server = stores.one_of_aws("Instance")
    assert server.inputs["storageEncrypted"] is True
    assert server.inputs["publiclyAccessible"] is False
    assert server.inputs["multiAz"] is True
    assert server.inputs["backupRetentionPeriod"] >= 7
    assert server.inputs["deletionProtection"] is True
    assert (server.inputs["skipFinalSnapshot"], server.inputs["deleteAutomatedBackups"]) == (False, False)
    assert "password" in server.secrets
    assert server.protected
    (parameters,) = (made for made in stores.of_aws("ParameterGroup") if "rds" in made.type)
    (parameter,) = parameters.inputs["parameters"]
    assert (parameter["name"], parameter["value"]) == ("rds.force_ssl", "1")


def test_rds_is_the_database_that_the_app_knows(stores: Recording) -> None:
    server = stores.one_of_aws("Instance").inputs
    assert (server["dbName"], server["username"], server["port"]) == ("character", "postgres", 5432)
    assert server["allocatedStorage"] == 20


@pytest.mark.parametrize(("name", "port"), [("redis", 6379), ("postgres", 5432)])
def test_only_the_clusters_nodes_and_pods_reach_a_store(name: str, port: int, stores: Recording) -> None:
    group = stores.one_of_aws("SecurityGroup", name).inputs
    (rule,) = group["ingress"]
    assert (rule["protocol"], rule["fromPort"], rule["toPort"]) == ("tcp", port, port)
    assert rule["securityGroups"] == [NODES_AND_PODS]
    assert not {"cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self"} & rule.keys()
    assert group["egress"] == []
    assert group["vpcId"] == "vpc-0000000e"


@pytest.mark.parametrize("service", ["scan-api", "scan-worker", "reward-worker", "authz"])
def test_what_uses_elasticache_speaks_tls(service: str, stores: Recording, prod: Recording) -> None:
    assert environment(stores, service)["REDIS_TLS"] == "true", "it would wait for an answer that never comes"
    assert "REDIS_TLS" not in environment(prod, service)


def environment(stack: Recording, service: str) -> dict[str, str]:
    (container,) = stack.one("Deployment", service).spec["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"awsSubnetIds": "subnet-0000000a,subnet-0000000b"}, "3 subnets or more"),
        ({"awsSubnetIds": "subnet-0000000a,subnet-0000000a,subnet-0000000b"}, "3 subnets or more"),
        ({"awsSubnetIds": ""}, r"3 subnets or more.*A real AWS account"),
        ({"awsSubnetIds": "10.0.0.0/24"}, "awsSubnetIds needs an identifier subnet-"),
        ({"awsClusterSecurityGroupId": ""}, "awsClusterSecurityGroupId needs an identifier sg-"),
        ({"awsDataDiskGib": 8}, "20 or more"),
        ({"elasticacheNodeType": "cache.m7g.large"}, "awsVpcId needs an identifier vpc-"),
        ({"awsClusterName": "", "rdsInstanceClass": "db.m7g.large"}, "need awsClusterName"),
        ({"rabbitmqNodeDomain": ""}, "nodes for nobody"),
        (STORES | {"redisWaitAof": True}, "redisWaitAof cannot be true"),
        (STORES | {"postgresHost": "db.example"}, "are both set"),
        (STORES | {"redisPassword": "sixteen.or.more.characters"}, r"redisPassword must be without \."),
        (STORES | {"postgresPassword": "sixteen/or/more/characters"}, "postgresPassword must be without /"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_aws_would_refuse_is_refused_before(overlay: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        run_stack("prod", **overlay)
