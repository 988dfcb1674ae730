"""The recording engine: takes the place of Pulumi's, and remembers what a program registers.

Each recording runs in a context of its own, so that nothing of it is left for the next test. It ends when every
registration has landed; only then does the absence of a resource prove anything.
"""

import asyncio
import contextvars
import functools
import hashlib
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

ROOT = Path(__file__).parents[2]
CLUSTER_OPERATOR = Path(__file__).parent / "infra" / "data" / "cluster-operator.yaml"
TOPOLOGY_OPERATOR = CLUSTER_OPERATOR.with_name("topology-operator.yaml")
PROMETHEUS_OPERATOR = CLUSTER_OPERATOR.with_name("prometheus-operator.yaml")

SPECIAL = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""The marks by which Pulumi's protocol says that a value is a secret."""


@dataclass(frozen=True)
class Made:
    """One registered resource. ``waits_for`` are the names of all resources that are made before it."""

    type: str
    name: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    """Paths of the inputs that are secret, like ``data.password``."""
    protected: bool
    urn: str
    parent: str
    depends_on: frozenset[str]

    @property
    def metadata(self) -> dict[str, Any]:
        return dict(self.inputs.get("metadata", {}))

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.inputs.get("spec", {}))


@dataclass
class Recording:
    """What a program registered, by URN, and the stack's outputs."""

    by_urn: dict[str, Made] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def made(self) -> list[Made]:
        return list(self.by_urn.values())

    def of_kind(self, kind: str) -> list[Made]:
        """Kubernetes objects of one kind, in the order of their registration."""
        return [made for made in self.made if made.type.startswith("kubernetes:") and made.type.endswith(f":{kind}")]

    def of_aws(self, kind: str) -> list[Made]:
        """Resources of AWS of one kind, like ``NodeGroup``."""
        return [made for made in self.made if made.type.startswith("aws:") and made.type.endswith(f":{kind}")]

    def one_of_aws(self, kind: str, name: str | None = None) -> Made:
        """The resource of AWS of that kind, and of that name if there are several."""
        found = [made for made in self.of_aws(kind) if name in (None, made.name)]
        assert len(found) == 1, f"{len(found)} resources {kind} {name or ''}"
        return found[0]

    def one(self, kind: str, name: str, namespace: str | None = None) -> Made:
        """The Kubernetes object of that kind and ``metadata.name``."""
        found = [
            made
            for made in self.of_kind(kind)
            if made.metadata["name"] == name and namespace in (None, made.metadata.get("namespace"))
        ]
        assert len(found) == 1, f"{len(found)} objects {kind} {name}"
        return found[0]

    def needed_by(self, made: Made) -> list[Made]:
        """Everything that is made before ``made``: what it, its parents and those in turn depend on."""
        seen: set[str] = set()
        todo = [made.urn]
        while todo:
            current = self.by_urn.get(todo.pop())
            if current is None:
                continue
            more = {current.parent, *current.depends_on} - seen
            seen |= more
            todo += more
        return [self.by_urn[urn] for urn in seen if urn in self.by_urn]


class _Echo(Mocks):
    """Every resource comes out as it went in, as in a preview without a cluster."""

    def call(self, args: Any) -> tuple[dict[str, Any], None]:
        return {}, None

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", args.inputs | (_made_by_aws(args) if args.typ.startswith("aws:") else {})


def _made_by_aws(args: MockResourceArgs) -> dict[str, Any]:
    """The name that others use a resource by, and policies as the text that they are in AWS."""
    policies = {key: args.inputs[key] for key in ("assumeRolePolicy", "policy") if key in args.inputs}
    return {"arn": f"arn:{args.name}"} | {key: json.dumps(policy) for key, policy in policies.items()}


class _Monitor(MockMonitor):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_Echo())
        self.recording = recording

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        secrets: set[str] = set()
        inputs = _plain(json_format.MessageToDict(request.object), "", secrets)
        self.recording.by_urn[response.urn] = Made(
            type=request.type,
            name=request.name,
            inputs=inputs,
            secrets=frozenset(secrets),
            protected=request.protect,
            urn=response.urn,
            parent=request.parent,
            depends_on=frozenset(request.dependencies),
        )
        return response


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    """The value without the protocol's wrapping; the paths of secrets are added to ``secrets``."""
    if isinstance(value, list):
        return [_plain(item, f"{path}[{index}]", secrets) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if value.get(SPECIAL) == SECRET:
        secrets.add(path)
        return _plain(value["value"], path, secrets)
    return {key: _plain(item, f"{path}.{key}".lstrip("."), secrets) for key, item in value.items()}


def record(program: Callable[[], object], config: Mapping[str, Any] | None = None, stack: str = "dev") -> Recording:
    """Runs ``program`` on a new engine. What it raises, now or in an ``apply``, is raised here."""
    recording = Recording()

    def program_then_outputs() -> pulumi.Output[None]:
        program()
        exported = pulumi.runtime.get_root_resource().outputs
        return pulumi.Output.all(**exported).apply(recording.outputs.update)

    def run() -> None:
        # Pulumi takes the thread's event loop, which asyncio.run() in another test has taken away.
        asyncio.set_event_loop(asyncio.new_event_loop())
        pulumi.runtime.set_mocks(_Echo(), project="eco2", stack=stack, preview=False, monitor=_Monitor(recording))
        pulumi.runtime.set_all_config({key: _text(value) for key, value in (config or {}).items()})
        pulumi.runtime.test(program_then_outputs)()

    contextvars.Context().run(run)
    return recording


def _text(value: Any) -> str:
    """Configuration arrives as text, as the engine sends it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def stack_config(stack: str, **overlay: Any) -> dict[str, Any]:
    """What the engine would hand to the program: the schema's defaults, the stack's file, and ``overlay`` over both."""
    schema = config_in("Pulumi.yaml")
    defaults = {f"eco2:{key}": entry["default"] for key, entry in schema.items() if "default" in entry}
    own = config_in(f"Pulumi.{stack}.yaml")
    unset = UNSET | (IMAGES if own.get("eco2:imageDigests") == "required" else {})
    return {**defaults, **own, **{f"eco2:{key}": value for key, value in (unset | overlay).items()}}


@functools.cache
def config_in(file: str) -> dict[str, Any]:
    """The ``config`` section of a file at the project's root."""
    section: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())["config"]
    return section


UNSET = {
    "appImage": f"registry.example/eco2-app@sha256:{'1' * 64}",
    "redisPassword": "not-a-real-password",
    "postgresPassword": "not-a-real-database-password",
    "modelApiKey": "not-a-real-key",
    "awsSubnetIds": "subnet-0000000a,subnet-0000000b,subnet-0000000c",
    "awsClusterSecurityGroupId": "sg-0000000d",
    "clusterOperatorManifest": str(CLUSTER_OPERATOR),
    "clusterOperatorManifestSha256": hashlib.sha256(CLUSTER_OPERATOR.read_bytes()).hexdigest(),
    "topologyOperatorManifest": str(TOPOLOGY_OPERATOR),
    "topologyOperatorManifestSha256": hashlib.sha256(TOPOLOGY_OPERATOR.read_bytes()).hexdigest(),
    "prometheusOperatorManifest": str(PROMETHEUS_OPERATOR),
    "prometheusOperatorManifestSha256": hashlib.sha256(PROMETHEUS_OPERATOR.read_bytes()).hexdigest(),
}
"""What every user has to set; the manifests are short ones of the same shape as the operators' own."""
STORES = {
    "elasticacheNodeType": "cache.m7g.large",
    "rdsInstanceClass": "db.m7g.large",
    "awsVpcId": "vpc-0000000e",
}
"""Settings by which AWS has the stores, and not the cluster."""

IMAGES = {
    f"{name}Image": f"registry.example/{name.lower()}:1@sha256:{'0' * 64}"
    for name in (
        *("rabbitmq", "redis", "postgres", "clusterOperator", "topologyOperator", "prometheus"),
        *("prometheusOperator", "prometheusConfigReloader", "redisExporter", "postgresExporter"),
    )
} | {"appImage": f"registry.example/eco2-app:1@sha256:{'0' * 64}"}
"""What the user of a stack that asks for digests has to set as well."""


@functools.cache
def run_stack(stack: str, **overlay: Any) -> Recording:
    """The recording of a stack, with settings laid over its file. Made once each, because tests only read it."""
    program = ROOT / "stacks" / "__main__.py"
    return record(lambda: runpy.run_path(str(program), run_name="__main__"), stack_config(stack, **overlay), stack)


@pytest.fixture
def variant() -> Recording:
    """The dev stack with its options turned the other way, all in one recording because each takes half a second."""
    return run_stack(
        "dev",
        clusterOperatorImage="registry.example/cluster-operator:x",
        prometheusConfigReloaderImage="registry.example/reloader:x",
        topologyWebhooks=True,
        rabbitmqNodeDomain="",
    )


@pytest.fixture(params=["dev", "prod"])
def built(request: pytest.FixtureRequest) -> Recording:
    """Each stack in turn."""
    return run_stack(request.param)


@pytest.fixture
def dev() -> Recording:
    return run_stack("dev")


@pytest.fixture
def prod() -> Recording:
    return run_stack("prod")
