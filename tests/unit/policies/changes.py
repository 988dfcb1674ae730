"""Changes to our own stacks: those that the pack must stop, each with the rule that does, and harmless ones."""

from dataclasses import dataclass
from typing import Any

DROPPED, UNPROTECTED, IN_PLAIN = "dropped", "unprotected", "in plain"
"""Changes to a whole resource: it is no longer declared, or protected, or its secrets are no longer encrypted."""

TEMPLATE = "spec.template.spec"
FIRST = f"{TEMPLATE}.containers.0"
DEFINITION = "spec.definition"
OVERRIDE = "spec.override.statefulSet.spec.template.spec"
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
)
