"""What the stack asks of AWS: encrypted, for nobody but the cluster, and with no more rights than needed."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from ipaddress import ip_network
from typing import Any

from policies.iam import statements, wildcards
from policies.objects import CLUSTER
from policies.resources import Resource, Stack, at, items, mapping, sequence
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation

Check = Callable[[Resource], Iterator[Violation]]
"""What must hold for one kind of resource; a rule may be about several kinds."""

TEMPLATE = "aws:ec2:LaunchTemplate"
VOLUME = "aws:ebs:Volume"
NODES = "aws:eks:NodeGroup"
REPOSITORY = "aws:ecr:Repository"
PUBLIC_REPOSITORY = "aws:ecrpublic:Repository"
CACHE = "aws:elasticache:ReplicationGroup"
DATABASE = "aws:rds:Instance"
DATABASE_PARAMETERS = "aws:rds:ParameterGroup"
GROUPS = ("aws:ec2:SecurityGroup", "aws:ec2:DefaultSecurityGroup")
GROUP_RULE = "aws:ec2:SecurityGroupRule"
INGRESS_RULE = "aws:vpc:SecurityGroupIngressRule"

FORCE_TLS = "rds.force_ssl"
TAGGED_BY_TEMPLATE = {"instance", "volume"}
"""What a launch template makes, and what does not take over the tags of the template itself."""
PRIVATE = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10"))
)
"""RFC 1918, 6598, 4193 and 4291: what no address of the internet is in."""
MANAGED = "arn:aws:iam::aws:policy"


def is_on(value: Any) -> bool:
    """A launch template has its booleans as text."""
    return value is True or value == "true"


def is_off(value: Any) -> bool:
    return value is False or value == "false"


def check_by_kind(checks: Mapping[str, Check]) -> Callable[[Resource, Settings], Iterator[Violation]]:
    def check(resource: Resource, settings: Settings) -> Iterator[Violation]:
        return checks[resource.kind](resource)

    return check


def must_be_on(path: str) -> Check:
    def check(resource: Resource) -> Iterator[Violation]:
        if not is_on(found := resource.get(path)):
            yield Violation(resource, path, found, "true")

    return check


def must_be_off(path: str) -> Check:
    def check(resource: Resource) -> Iterator[Violation]:
        if not is_off(found := resource.get(path)):
            yield Violation(resource, path, found, "false")

    return check


def encrypted_volume(volume: Resource) -> Iterator[Violation]:
    yield from must_be_on("encrypted")(volume)
    yield from _gp3(volume, "type", volume.get("type"))


def encrypted_disks(template: Resource) -> Iterator[Violation]:
    where = "blockDeviceMappings"
    if not template.get(where):
        # Of what the image brings along nobody knows whether it is encrypted.
        yield Violation(template, where, template.get(where), "an encrypted root disk")
    for path, disk in items(template, where):
        if not is_on(found := at(disk, "ebs.encrypted")):
            yield Violation(template, f"{path}.ebs.encrypted", found, "true")
        yield from _gp3(template, f"{path}.ebs.volumeType", at(disk, "ebs.volumeType"))


def _gp3(resource: Resource, path: str, found: Any) -> Iterator[Violation]:
    if found != "gp3":
        yield Violation(resource, path, found, "gp3")


def encrypted_images(repository: Resource) -> Iterator[Violation]:
    """By a key of KMS: without it ECR encrypts as well, but nobody can see who used the key, or take it away."""
    where = "encryptionConfigurations"
    if not repository.get(where):
        yield Violation(repository, where, repository.get(where), "KMS")
    for path, encryption in items(repository, where):
        if (found := encryption.get("encryptionType")) not in ("KMS", "KMS_DSSE"):
            yield Violation(repository, f"{path}.encryptionType", found, "KMS")


def tls_of_cache(cache: Resource) -> Iterator[Violation]:
    yield from must_be_on("transitEncryptionEnabled")(cache)
    if (mode := cache.get("transitEncryptionMode")) not in (None, "required"):
        yield Violation(cache, "transitEncryptionMode", mode, "required, which is the default")


def tls_of_database(parameters: Resource) -> Iterator[Violation]:
    if str(parameters.get("family")).startswith("postgres"):
        yield from _forced_tls(parameters)


def _forced_tls(parameters: Resource) -> Iterator[Violation]:
    """Named, though newer versions of PostgreSQL have it as their default: a group may be for an older one."""
    where = "parameters"
    found = [(path, one.get("value")) for path, one in items(parameters, where) if one.get("name") == FORCE_TLS]
    if not found:
        yield Violation(parameters, where, parameters.get(where), f"{FORCE_TLS} = 1 among them")
    for path, value in found:
        if str(value) != "1":
            yield Violation(parameters, f"{path}.value", value, f"1, for {FORCE_TLS}")


def require_instance_tokens(template: Resource, settings: Settings) -> Iterator[Violation]:
    """IMDSv2: a program that can be made to fetch any URL gets no rights of the node by that."""
    options = "metadataOptions"
    if template.get(f"{options}.httpEndpoint") == "disabled":
        return
    tokens, hops = (template.get(f"{options}.{key}") for key in ("httpTokens", "httpPutResponseHopLimit"))
    if tokens != "required":
        yield Violation(template, f"{options}.httpTokens", tokens, "required")
    if not isinstance(hops, int) or hops > settings["hops"]:
        yield Violation(template, f"{options}.httpPutResponseHopLimit", hops, f"at most {settings['hops']}")


def forbid_wildcard_rights(resource: Resource, settings: Settings) -> Iterator[Violation]:
    for statement in statements(resource):
        if not statement.allows:
            continue
        for element in ("Action", "Resource", "Principal"):
            if found := wildcards(statement.get(element)):
                yield Violation(resource, statement.at(element), ", ".join(found), "full names, without * and ?")
            if (rest := statement.get(f"Not{element}")) is not None:
                wanted = f"{element}, which names what is allowed, and not what is not"
                yield Violation(resource, statement.at(f"Not{element}"), rest, wanted)


def limit_managed_policies(resource: Resource, settings: Settings) -> Iterator[Violation]:
    attached = [("policyArn", resource.get("policyArn"))] + [
        (f"{key}[{index}]", arn)
        for key in ("managedPolicyArns", "policyArns")
        for index, arn in enumerate(sequence(resource.get(key)))
    ]
    for path, arn in attached:
        if arn is not None and not any(fnmatchcase(str(arn), pattern) for pattern in settings["policies"]):
            yield Violation(resource, path, arn, "one that somebody has chosen")


def require_tags(resource: Resource, settings: Settings) -> Iterator[Violation]:
    if resource.kind in settings["untaggable"]:
        return
    yield from _missing_tags(resource, "tags", resource.get("tags"), settings)
    if resource.kind != TEMPLATE:
        return
    where = "tagSpecifications"
    tagged = [at(one, "resourceType") for one in sequence(resource.get(where))]
    if missing := sorted(TAGGED_BY_TEMPLATE - {kind for kind in tagged if isinstance(kind, str)}):
        yield Violation(resource, where, tagged, f"also of {', '.join(missing)}")
    for path, one in items(resource, where):
        yield from _missing_tags(resource, f"{path}.tags", one.get("tags"), settings)


def _missing_tags(resource: Resource, path: str, tags: Any, settings: Settings) -> Iterator[Violation]:
    for key, wanted in settings["tags"].items():
        if (found := mapping(tags).get(key)) != wanted:
            yield Violation(resource, f"{path}.{key}", found, wanted)


def private_nodes(template: Resource) -> Iterator[Violation]:
    where = "networkInterfaces"
    if not template.get(where):
        # The subnet would decide.
        yield Violation(template, where, template.get(where), "one without a public address")
    for path, interface in items(template, where):
        if not is_off(found := interface.get("associatePublicIpAddress")):
            yield Violation(template, f"{path}.associatePublicIpAddress", found, "false")


def private_repository(repository: Resource) -> Iterator[Violation]:
    """What such a repository holds everybody may pull, whatever its policy says."""
    yield Violation(repository, "repositoryName", "open to everybody", f"a repository of {REPOSITORY}")


def forbid_open_ingress(resource: Resource, settings: Settings) -> Iterator[Violation]:
    for path, cidr in _ingress(resource):
        if not is_private(cidr):
            yield Violation(resource, path, cidr, "private addresses, or a security group")


def _ingress(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Ranges of addresses that may connect, each with its path."""
    if resource.kind in GROUPS:
        for path, rule in items(resource, "ingress"):
            yield from _ranges(f"{path}.", rule)
    elif resource.kind == INGRESS_RULE:
        for key in ("cidrIpv4", "cidrIpv6"):
            if (cidr := resource.get(key)) is not None:
                yield key, cidr
    elif resource.get("type") == "ingress":
        yield from _ranges("", resource.properties)


def _ranges(before: str, rule: Any) -> Iterator[tuple[str, Any]]:
    for key in ("cidrBlocks", "ipv6CidrBlocks"):
        for index, cidr in enumerate(sequence(at(rule, key))):
            yield f"{before}{key}[{index}]", cidr


def is_private(cidr: Any) -> bool:
    """False for what is no range at all. Halves of the internet are as open as the whole."""
    try:
        network = ip_network(str(cidr))
    except ValueError:
        return False
    return any(_within(network, private) for private in PRIVATE)


def _within(network: Any, private: Any) -> bool:
    return bool(network.version == private.version and network.subnet_of(private))


def data_groups(stack: Stack, domain: str) -> list[Resource]:
    """Node groups that are for the brokers by label or taint. If none is, all should be: one has lost both."""
    groups = stack.of(NODES)
    return [one for one in groups if has_label(one, domain) or has_taint(one, domain)] or groups


def has_label(group: Resource, domain: str) -> bool:
    return bool(group.get("labels.domain") == domain)


def has_taint(group: Resource, domain: str) -> bool:
    wanted = {"key": "domain", "value": domain, "effect": "NO_SCHEDULE"}
    return any(wanted.items() <= mapping(taint).items() for taint in sequence(group.get("taints")))


def require_tainted_nodes(stack: Stack, settings: Settings) -> Iterator[Violation]:
    domain = settings["domain"]
    for group in data_groups(stack, domain):
        if not has_label(group, domain):
            yield Violation(group, "labels.domain", group.get("labels.domain"), domain)
        if not has_taint(group, domain):
            yield Violation(group, "taints", group.get("taints"), f"one of domain={domain}:NO_SCHEDULE")


def spread_nodes(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """The program is given one subnet in each zone, so that subnets tell how many zones there are."""
    brokers = [one.get("spec.replicas", 1) for one in stack.of(CLUSTER)]
    for group in data_groups(stack, settings["domain"]):
        subnets = set(sequence(group.get("subnetIds")))
        if len(subnets) < settings["zones"]:
            wanted = f"{settings['zones']} or more, one in each zone"
            yield Violation(group, "subnetIds", group.get("subnetIds"), wanted)
        least = max([len(subnets), *(number for number in brokers if isinstance(number, int))])
        size = group.get("scalingConfig.minSize")
        if not isinstance(size, int) or size < least:
            wanted = f"{least} or more: one in each zone, and one for each broker"
            yield Violation(group, "scalingConfig.minSize", size, wanted)


def immutable_tags(repository: Resource) -> Iterator[Violation]:
    found = repository.get("imageTagMutability")
    if found != "IMMUTABLE":
        yield Violation(repository, "imageTagMutability", found, "IMMUTABLE")


STORAGE: Mapping[str, Check] = {
    TEMPLATE: encrypted_disks,
    VOLUME: encrypted_volume,
    CACHE: must_be_on("atRestEncryptionEnabled"),
    DATABASE: must_be_on("storageEncrypted"),
    REPOSITORY: encrypted_images,
}
CONNECTIONS: Mapping[str, Check] = {CACHE: tls_of_cache, DATABASE_PARAMETERS: tls_of_database}
ACCESS: Mapping[str, Check] = {
    TEMPLATE: private_nodes,
    DATABASE: must_be_off("publiclyAccessible"),
    PUBLIC_REPOSITORY: private_repository,
}
IMMUTABLE: Mapping[str, Check] = {REPOSITORY: immutable_tags}
SCANNED: Mapping[str, Check] = {REPOSITORY: must_be_on("imageScanningConfiguration.scanOnPush")}
DOMAIN = Setting("data", "label and taint of the brokers' nodes")

RULES = (
    ResourceRule(
        name="require-encrypted-storage",
        description="AWS encrypts every disk, store and image, and disks are gp3.",
        remedy="Keep the encryption in infra/nodes.py, elasticache.py, rds.py and registry.py",
        kinds=tuple(STORAGE),
        check=check_by_kind(STORAGE),
    ),
    ResourceRule(
        name="require-encrypted-connections",
        description="A store of AWS takes TLS alone.",
        remedy="Keep transit_encryption_enabled in infra/elasticache.py and rds.force_ssl in infra/rds.py",
        kinds=tuple(CONNECTIONS),
        check=check_by_kind(CONNECTIONS),
    ),
    ResourceRule(
        name="require-instance-tokens",
        description="A node's role is given to nobody but the node: by IMDSv2, which no pod reaches.",
        remedy="Keep metadata_options in infra/nodes.py",
        settings={"hops": Setting(1, "the most hops of an answer: with one it ends at the node")},
        kinds=(TEMPLATE,),
        check=require_instance_tokens,
    ),
    ResourceRule(
        name="forbid-wildcard-rights",
        description="An IAM policy names what it allows, on what, and to whom.",
        remedy="Name each action, ARN and principal",
        kinds=("aws:*",),
        check=forbid_wildcard_rights,
    ),
    ResourceRule(
        name="limit-managed-policies",
        description="A role has only those managed policies that somebody has found to be the least.",
        remedy="Attach a smaller policy, or add this one to the rule's default in policies/rules/aws.py",
        settings={
            "policies": Setting(
                [
                    f"{MANAGED}/AmazonEKSWorkerNodePolicy",
                    f"{MANAGED}/AmazonEC2ContainerRegistryPullOnly",
                    f"{MANAGED}/AmazonEKS_CNI_Policy",
                    f"{MANAGED}/service-role/AmazonEBSCSIDriverPolicy",
                ],
                "ARNs, as patterns",
            )
        },
        kinds=("aws:iam:*",),
        check=limit_managed_policies,
    ),
    ResourceRule(
        name="require-tags",
        description="Everything in the account says which project it is of, and that Pulumi made it.",
        remedy="Give it TAGS of infra/iam.py",
        settings={
            "tags": Setting({"part-of": "eco2", "managed-by": "pulumi"}, "tags"),
            "untaggable": Setting(
                ["aws:iam:RolePolicyAttachment", "aws:ecr:LifecyclePolicy"], "kinds to which AWS gives no tags"
            ),
        },
        kinds=("aws:*",),
        check=require_tags,
    ),
    ResourceRule(
        name="forbid-public-access",
        description="No node, database or registry has an address or a name for everybody.",
        remedy="Keep associate_public_ip_address and publicly_accessible false in infra/nodes.py and rds.py",
        kinds=tuple(ACCESS),
        check=check_by_kind(ACCESS),
    ),
    ResourceRule(
        name="forbid-open-ingress",
        description="A security group lets nobody in from the internet.",
        remedy="Use private_access of infra/private_access.py",
        kinds=(*GROUPS, GROUP_RULE, INGRESS_RULE),
        check=forbid_open_ingress,
    ),
    StackRule(
        name="require-tainted-nodes",
        description="The brokers' nodes are labelled for them, and tainted for everybody else.",
        remedy="Keep labels and taints in infra/nodes.py",
        settings={"domain": DOMAIN},
        check=require_tainted_nodes,
    ),
    StackRule(
        name="spread-data-nodes",
        description="There is a node of the brokers in each of enough zones, and one for each broker.",
        remedy="Set eco2:awsSubnetIds to a subnet in each zone, and keep size in infra/nodes.py",
        settings={
            "domain": DOMAIN,
            "zones": Setting(3, "the least zones: of two, one has the majority of the brokers"),
        },
        check=spread_nodes,
    ),
    ResourceRule(
        name="require-immutable-tags",
        description="What a tag of an image means never changes.",
        remedy="Keep image_tag_mutability in infra/registry.py",
        kinds=tuple(IMMUTABLE),
        check=check_by_kind(IMMUTABLE),
    ),
    ResourceRule(
        name="require-image-scans",
        description="An image is searched for known holes when it is pushed.",
        remedy="Keep image_scanning_configuration in infra/registry.py",
        kinds=tuple(SCANNED),
        check=check_by_kind(SCANNED),
    ),
)
