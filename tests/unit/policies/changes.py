"""Changes to our own stacks: those that the pack must stop, each with the rule that does, and harmless ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.conftest import STORES

DROPPED, UNPROTECTED, IN_PLAIN = "dropped", "unprotected", "in plain"
"""Changes to a whole resource: it is no longer declared, or protected, or its secrets are no longer encrypted."""

TEMPLATE = "spec.template.spec"
FIRST = f"{TEMPLATE}.containers.0"
DEFINITION = "spec.definition"
OVERRIDE = "spec.override.statefulSet.spec.template.spec"
DISK = "blockDeviceMappings.0.ebs"
INTERFACE = "networkInterfaces.0"
METADATA = "metadataOptions"
TEMPLATES = "aws:ec2:LaunchTemplate"
CACHE = "aws:elasticache:ReplicationGroup"
DATABASE = "aws:rds:Instance"
WORLD = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One property of one resource is another one, or is gone if its value is ``...``.

    ``says`` is the property in the message, where that is not the one that was changed; ``about`` its resource.
    """

    name: str
    kind: str
    object: str
    path: str
    value: Any = ...
    rule: str = ""
    says: str = ""
    about: str = ""
    stack: str = "prod"
    overlay: Mapping[str, str] = field(default_factory=dict)
    """Settings of the stack that the change is made to."""


def queue(name: str, path: str, value: Any, rule: str, title: str, says: str = "") -> Change:
    return Change(name=title, kind="Queue", object=name, path=path, value=value, rule=rule, says=says)


def policy(name: str, key: str, value: Any, rule: str, title: str) -> Change:
    """In the definition of a queue's policy."""
    return Change(name=title, kind="Policy", object=name, path=f"{DEFINITION}.{key}", value=value, rule=rule)


def dropped(kind: str, name: str, rule: str, title: str, about: str, says: str) -> Change:
    return Change(name=title, kind=kind, object=name, path=DROPPED, rule=rule, about=about, says=says)


def broker(path: str, value: Any, rule: str, title: str, stack: str = "prod") -> Change:
    return Change(
        name=title, kind="RabbitmqCluster", object="eco2-rabbitmq", path=path, value=value, rule=rule, stack=stack
    )


def pod(path: str, value: Any, rule: str, title: str, name: str = "scan-api", says: str = "") -> Change:
    return Change(name=title, kind="Deployment", object=name, path=path, value=value, rule=rule, says=says)


def cloud(kind: str, name: str, path: str, value: Any, rule: str, title: str, says: str = "") -> Change:
    """To a resource of AWS in production, which has its stores there as well."""
    return Change(name=title, kind=kind, object=name, path=path, value=value, rule=rule, says=says, overlay=STORES)


STOPPED = (
    # Queues and dead letters.
    queue("scan-vision", "spec.type", "classic", "require-quorum-queues", "a classic queue"),
    queue("scan-reward", "spec.durable", False, "require-quorum-queues", "a queue that a restart deletes"),
    queue("scan-rule", "spec.arguments", {"x-message-ttl": 1}, "forbid-queue-arguments", "a TTL as an argument"),
    Change(
        name="an open pattern",
        kind="Policy",
        object="scan-vision",
        path="spec.pattern",
        value="scan.vision$",
        rule="require-exact-policy-patterns",
    ),
    dropped(
        "Policy", "scan-answer", "require-one-policy-per-queue", "no policy", "Queue rabbitmq/scan-answer", "spec.name"
    ),
    policy("scan-rule", "delivery-limit", ..., "require-work-queue-limits", "no delivery limit"),
    policy("scan-reward", "message-ttl", ..., "require-work-queue-limits", "no TTL"),
    policy("users-save-character", "dead-letter-exchange", ..., "require-work-queue-limits", "no dead-letter route"),
    dropped(
        "Binding",
        "dlx--dlq-scan-vision",
        "require-dead-letter-queues",
        "a dead-letter queue that is not bound",
        "Policy rabbitmq/scan-vision",
        "spec.definition.dead-letter-routing-key",
    ),
    dropped(
        "Queue",
        "dlq-scan-answer",
        "require-dead-letter-queues",
        "no dead-letter queue",
        "Policy rabbitmq/scan-answer",
        "spec.definition.dead-letter-routing-key",
    ),
    policy("dlq-scan-reward", "message-ttl", 3_600_000, "require-dead-letter-queues", "dead letters die first"),
    policy("scan-vision", "dead-letter-strategy", "at-most-once", "require-safe-dead-lettering", "at most once"),
    policy("retry-1s", "overflow", "drop-head", "require-safe-dead-lettering", "a full queue that drops messages"),
    policy("retry-60s", "max-length-bytes", ..., "require-safe-dead-lettering", "a queue without an end"),
    policy("archive-scan-reward", "message-ttl", 86_400_000, "require-archives", "an archive of a day"),
    policy(
        "dlq-celery", "dead-letter-routing-key", "dlq-celery", "require-archives", "dead letters without an archive"
    ),
    policy("dlq-scan-vision", "delivery-limit", 10, "require-archives", "looks that use a letter up"),
    policy("retry-300s", "message-ttl", 30_000, "require-retry-delays", "a retry after another delay"),
    dropped(
        "Policy",
        "alternate-scan-direct",
        "require-alternate-exchanges",
        "unroutable messages are gone",
        "Exchange rabbitmq/scan-direct",
        "spec.name",
    ),
    # Who consumes and publishes what.
    dropped("Deployment", "scan-worker", "require-consumers", "no consumer", "Queue rabbitmq/scan-vision", "spec.name"),
    pod(
        "metadata.annotations.eco2\\.dev/consumes",
        "nobody",
        "require-queues-of-consumers",
        "a consumer of no queue",
        "character-worker",
        "metadata.annotations.eco2.dev/consumes",
    ),
    dropped(
        "Binding",
        "reward-direct--scan-reward",
        "require-routes-of-publishers",
        "an exchange that leads nowhere",
        "Deployment scan/scan-worker",
        "metadata.annotations.eco2.dev/publishes",
    ),
    Change(
        name="a binding from no exchange",
        kind="Binding",
        object="scan-direct--scan-rule",
        path="spec.source",
        value="nobody",
        rule="require-bound-queues",
    ),
    Change(
        name="a consumer without the right",
        kind="Permission",
        object="users-worker",
        path="spec.permissions.read",
        value="^$",
        rule="require-rights-for-work",
    ),
    Change(
        name="an administrator",
        kind="User",
        object="scan-api",
        path="spec.tags",
        value=["administrator"],
        rule="forbid-powerful-users",
    ),
    Change(
        name="a right to everything",
        kind="Permission",
        object="celery-beat",
        path="spec.permissions.write",
        value=".*",
        rule="forbid-wildcard-permissions",
    ),
    dropped(
        "User",
        "authz",
        "require-known-users",
        "a permission of nobody",
        "Permission auth/authz",
        "spec.userReference.name",
    ),
    # Brokers and volumes.
    broker("spec.replicas", 2, "require-broker-majority", "an even number of brokers"),
    broker("spec.replicas", 2, "require-broker-majority", "an even number of brokers in dev", "dev"),
    broker("spec.affinity.podAntiAffinity", ..., "spread-brokers", "two brokers on a node"),
    broker("spec.tolerations", ..., "require-data-nodes", "brokers that no data node takes"),
    broker("spec.resources.requests.memory", "1Gi", "require-broker-memory", "a broker that may be killed"),
    broker(
        "spec.rabbitmq.additionalConfig",
        "cluster_partition_handling = ignore\n",
        "require-broker-settings",
        "brokers that go on without the majority",
    ),
    broker("spec.persistence", ..., "require-encrypted-volumes", "brokers without volumes"),
    Change(
        name="volumes in plain",
        kind="StorageClass",
        object="gp3",
        path="parameters.encrypted",
        value="false",
        rule="require-encrypted-volumes",
    ),
    dropped(
        "PodDisruptionBudget",
        "eco2-rabbitmq",
        "require-disruption-budgets",
        "all brokers may be drained at once",
        "RabbitmqCluster rabbitmq/eco2-rabbitmq",
        "spec.replicas",
    ),
    # Pods.
    pod(f"{TEMPLATE}.securityContext.runAsNonRoot", False, "require-non-root", "a pod that may run as root"),
    pod(f"{TEMPLATE}.securityContext.seccompProfile.type", "Unconfined", "require-seccomp", "every system call"),
    pod(f"{FIRST}.securityContext.allowPrivilegeEscalation", True, "forbid-privileges", "a way to privileges"),
    pod(f"{FIRST}.securityContext.capabilities.drop", [], "require-dropped-capabilities", "capabilities"),
    broker(
        f"{OVERRIDE}.containers.0.securityContext.capabilities",
        ...,
        "require-dropped-capabilities",
        "brokers with capabilities",
    ),
    pod(f"{TEMPLATE}.hostNetwork", True, "forbid-host-access", "the node's network"),
    pod(f"{FIRST}.securityContext.procMount", "Unmasked", "forbid-kernel-settings", "the node's processes"),
    pod(f"{FIRST}.resources.limits.memory", ..., "require-resources", "no memory limit", "scan-worker"),
    pod(f"{FIRST}.livenessProbe", ..., "require-probes", "a pod that may hang for ever", "authz"),
    pod(f"{FIRST}.readinessProbe", ..., "require-probes", "an update that waits for nothing", "character"),
    pod(f"{FIRST}.securityContext.readOnlyRootFilesystem", False, "require-read-only-root", "files that can change"),
    pod(f"{TEMPLATE}.automountServiceAccountToken", True, "forbid-service-account-tokens", "a token for nothing"),
    pod(f"{TEMPLATE}.serviceAccountName", "default", "require-service-accounts", "the default account"),
    pod(f"{FIRST}.image", "registry.example/eco2-app:latest", "forbid-latest-images", "any image"),
    pod(f"{FIRST}.image", "registry.example/eco2-app:2", "require-image-digests", "an image by its tag"),
    pod(f"{FIRST}.image", f"evil.example/app@sha256:{'0' * 64}", "limit-image-registries", "anybody's image"),
    pod(f"{FIRST}.image", "registry.example/eco2-app:2", "limit-images-by-tag", "an image by its tag, as a warning"),
    pod(f"{TEMPLATE}.topologySpreadConstraints", ..., "spread-replicas", "all pods on a node"),
    pod(f"{TEMPLATE}.terminationGracePeriodSeconds", 30, "require-grace-periods", "a worker cut off", "scan-worker"),
    # Network.
    dropped(
        "NetworkPolicy",
        "default-deny",
        "require-default-deny",
        "open namespaces",
        "Namespace postgres",
        "metadata.name",
    ),
    pod("metadata.namespace", "elsewhere", "cover-workloads", "a pod that no policy covers", "celery-beat"),
    Change(
        name="a way out to everybody",
        kind="NetworkPolicy",
        object="authz",
        path="spec.egress.0.to",
        value=WORLD,
        rule="limit-open-rules",
    ),
    Change(
        name="a way in for everybody",
        kind="NetworkPolicy",
        object="redis",
        path="spec.ingress.0.from",
        value=WORLD,
        rule="limit-open-rules",
    ),
    Change(
        name="a port on every node",
        kind="Service",
        object="character",
        path="spec.type",
        value="NodePort",
        rule="forbid-public-services",
    ),
    dropped(
        "NetworkPolicy",
        "postgres",
        "require-measurable-pods",
        "a database that nobody measures",
        "ServiceMonitor postgres/postgres",
        "spec.endpoints.port",
    ),
    # Secrets.
    pod(
        f"{FIRST}.env.0",
        {"name": "MODEL_API_KEY", "value": "not-a-real-key"},
        "forbid-literal-secrets",
        "a key in plain",
        says="spec.template.spec.containers[0].env[0].value",
    ),
    Change(
        name="a password in a file for everybody",
        kind="ConfigMap",
        object="redis",
        path="data.redis\\.conf",
        value="requirepass not-a-real-password\n",
        rule="forbid-secrets-in-config-maps",
        says="data.redis.conf",
    ),
    Change(
        name="a secret in plain in the state",
        kind="Secret",
        object="model",
        path=IN_PLAIN,
        rule="keep-secrets-encrypted",
        says="data.apiKey",
    ),
    # AWS.
    cloud(TEMPLATES, "data", f"{DISK}.encrypted", "false", "require-encrypted-storage", "a disk in plain"),
    cloud(TEMPLATES, "data", f"{DISK}.volumeType", "gp2", "require-encrypted-storage", "an old kind of disk"),
    cloud(CACHE, "redis", "atRestEncryptionEnabled", False, "require-encrypted-storage", "a cache in plain"),
    cloud(DATABASE, "postgres", "storageEncrypted", ..., "require-encrypted-storage", "a database in plain"),
    cloud(
        "aws:ecr:Repository",
        "app",
        "encryptionConfigurations",
        ...,
        "require-encrypted-storage",
        "images without a key of KMS",
    ),
    cloud(CACHE, "redis", "transitEncryptionEnabled", False, "require-encrypted-connections", "a cache without TLS"),
    cloud(CACHE, "redis", "transitEncryptionMode", "preferred", "require-encrypted-connections", "TLS for who likes"),
    cloud(
        "aws:rds:ParameterGroup",
        "postgres",
        "parameters.0.value",
        "0",
        "require-encrypted-connections",
        "a database without TLS",
    ),
    cloud(TEMPLATES, "data", f"{METADATA}.httpTokens", "optional", "require-instance-tokens", "IMDSv1"),
    cloud(
        TEMPLATES,
        "data",
        f"{METADATA}.httpPutResponseHopLimit",
        2,
        "require-instance-tokens",
        "a node's role for its pods",
    ),
    cloud(
        "aws:iam:Role",
        "data-node",
        "assumeRolePolicy.Statement.0.Principal",
        {"AWS": "*"},
        "forbid-wildcard-rights",
        "a role for everybody",
    ),
    cloud(
        "aws:iam:Role",
        "ebs-csi",
        "inlinePolicies",
        [{"name": "more", "policy": '{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}'}],
        "forbid-wildcard-rights",
        "a role with every right to EC2",
        "inlinePolicies[0].policy.Statement.Action",
    ),
    cloud(
        "aws:iam:RolePolicyAttachment",
        "ebs-csi-volumes",
        "policyArn",
        "arn:aws:iam::aws:policy/AdministratorAccess",
        "limit-managed-policies",
        "an administrator of the account",
    ),
    cloud("aws:eks:Addon", "ebs-csi", "tags.part-of", ..., "require-tags", "something of nobody's"),
    cloud(TEMPLATES, "data", "tagSpecifications.0.tags", {}, "require-tags", "nodes of nobody's", "tagSpecifications"),
    cloud(TEMPLATES, "data", f"{INTERFACE}.associatePublicIpAddress", "true", "forbid-public-access", "a public node"),
    cloud(DATABASE, "postgres", "publiclyAccessible", True, "forbid-public-access", "a public database"),
    cloud(
        "aws:ec2:SecurityGroup",
        "redis",
        "ingress.0.cidrBlocks",
        ["0.0.0.0/0"],
        "forbid-open-ingress",
        "a cache that the internet reaches",
    ),
    cloud("aws:eks:NodeGroup", "data", "taints", [], "require-tainted-nodes", "nodes that take anybody's pods"),
    cloud(
        "aws:eks:NodeGroup",
        "data",
        "labels",
        {},
        "require-tainted-nodes",
        "nodes that brokers do not find",
        "labels.domain",
    ),
    cloud(
        "aws:eks:NodeGroup",
        "data",
        "subnetIds",
        ["subnet-0000000a", "subnet-0000000b"],
        "spread-data-nodes",
        "two zones, of which one has the majority",
    ),
    cloud("aws:eks:NodeGroup", "data", "scalingConfig.minSize", 2, "spread-data-nodes", "a zone without a node"),
    cloud("aws:ecr:Repository", "app", "imageTagMutability", "MUTABLE", "require-immutable-tags", "tags that change"),
    cloud(
        "aws:ecr:Repository",
        "app",
        "imageScanningConfiguration.scanOnPush",
        False,
        "require-image-scans",
        "images that nobody looks into",
    ),
    # What it costs, and what it deletes.
    pod(
        "spec.replicas",
        40,
        "limit-requests-to-nodes",
        "more than the nodes have",
        "scan-worker",
        "spec.template.spec.containers[0].resources.requests.cpu",
    ),
    Change(
        name="data that can be deleted",
        kind="StatefulSet",
        object="redis",
        path=UNPROTECTED,
        rule="protect-data",
        says="protect",
    ),
)

HARMLESS = (
    policy("scan-vision", "message-ttl", 1_800_000, "", "a shorter TTL"),
    policy("scan-answer", "delivery-limit", 20, "", "a higher delivery limit"),
    policy("dlq-scan-reward", "max-length-bytes", 1_073_741_824, "", "a longer dead-letter queue"),
    pod("spec.replicas", 3, "", "another worker", "scan-worker"),
    pod(f"{FIRST}.resources.requests.cpu", "600m", "", "a larger request", "scan-worker"),
    pod(f"{FIRST}.image", f"registry.example/eco2-app@sha256:{'2' * 64}", "", "a new image"),
    pod(f"{FIRST}.env.0", {"name": "LOG_LEVEL", "value": "DEBUG"}, "", "more in the log"),
    pod(f"{FIRST}.livenessProbe.periodSeconds", 5, "", "a probe more often", "authz"),
    pod("metadata.labels.team", "eco2", "", "a label", "character"),
    pod(f"{TEMPLATE}.terminationGracePeriodSeconds", 120, "", "more time to end", "reward-worker"),
    broker("spec.persistence.storage", "100Gi", "", "larger volumes"),
    broker("spec.resources.limits.cpu", "2", "", "faster brokers in dev", "dev"),
    cloud("aws:eks:NodeGroup", "data", "scalingConfig.minSize", 4, "", "another data node"),
    cloud(TEMPLATES, "data", "instanceType", "m7i.xlarge", "", "larger data nodes"),
    cloud(DATABASE, "postgres", "backupRetentionPeriod", 30, "", "backups for longer"),
    cloud(
        "aws:ec2:SecurityGroup", "redis", "ingress.0.cidrBlocks", ["10.1.0.0/16"], "", "a private network that connects"
    ),
)
