"""The nodes of one stack on this machine: from nothing to a cluster whose nodes and add-ons are Ready."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from lab import addons, cgroups, network
from lab.cache import content_hash
from lab.control_plane import api_ready, control_plane
from lab.errors import LabError
from lab.image_store import ImageStore, clone
from lab.images import ImageBuilder
from lab.kubectl import Kubectl, unready
from lab.layout import Checkout
from lab.node import NodeSpec, State
from lab.node_agents import PRIVATE_DIRECTORIES, Agents
from lab.nodes import Node, nodes_of
from lab.parallel import for_each
from lab.pki import Pki
from lab.probes import NotReady, probe
from lab.process import wait_until
from lab.records import Record, run_directory
from lab.teardown import remove_data

_API_SECONDS = 90
_ANSWER_SECONDS = 30
_READY_SECONDS = 180
_INOTIFY_INSTANCES = 8192
"""Kubelets and containerds of five nodes need more than the usual 128."""

_CHANGED_SETTINGS = (
    "fs/inotify/max_user_instances",
    # A kubelet sets these itself at its start.
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


@dataclass(frozen=True)
class Cluster:
    """A stack's cluster, running or not."""

    checkout: Checkout
    stack: str
    programs: Mapping[str, Path]
    images: ImageBuilder
    store: ImageStore

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The stack's nodes."""
        return nodes_of(self.stack)

    @cached_property
    def kubectl(self) -> Kubectl:
        """The administrator's way in."""
        return Kubectl(self.programs["kubectl"], self.checkout.kubeconfig)

    @cached_property
    def content(self) -> str:
        """A hash of everything that the nodes are started from, but for images."""
        sources = [self.checkout.lab / name for name in ("node_init.py", "process.py", "cgroups.py", "netpol")]
        described = [repr(asdict(self._spec(node))) + repr(self._agents(node).configuration()) for node in self.nodes]
        commands = [repr(network.host_commands(self.nodes)), network.firewall()]
        commands += [repr(network.node_commands(node, self.nodes)) for node in self.nodes]
        return content_hash(*sources, *described, *commands)

    def why_not(self, record: Record) -> str:
        """Why the recorded lab cannot be kept; "" if it is this very cluster, alive in all its nodes and serving."""
        if (record.checkout, record.content) != (str(self.checkout.root), self.content):
            return "it was started from something else"
        try:
            # A machine that is busy answers late. Nobody's cluster is to be lost for that.
            wait_until(self._check_api, _ANSWER_SECONDS, "the API server answers", every_seconds=0.5)
        except LabError as error:
            return str(error)
        return ""

    def unpacked_images(self) -> Path:
        """The store that new nodes are given their images from."""
        return self.store.prepared(self.images.for_nodes())

    def start(self, store: Path) -> None:
        """Start the nodes from nothing, until the API server serves."""
        record = self._record()
        record.save()
        remove_data(self.checkout)
        for directory in record.directories:
            Path(directory).mkdir(parents=True, exist_ok=True)
        (Path("/proc/sys") / _CHANGED_SETTINGS[0]).write_text(str(_INOTIFY_INSTANCES))
        shutil.rmtree(self.checkout.log, ignore_errors=True)
        self.checkout.log.mkdir(parents=True)
        network.set_up(self.nodes)
        self._pki.create(self.nodes)
        shutil.copy(self._pki.kubeconfig("admin"), self.checkout.kubeconfig)
        for_each(lambda node: self._start_node(node, store), self.nodes, at_once=len(self.nodes))
        wait_until(self._check_api, _API_SECONDS, "the API server serves")
        record.with_content(self.content).save()

    def add_images(self) -> None:
        """Give running nodes the images that they lack."""
        sockets = [self._containerd(node) for node in self.nodes]
        images = self.images.for_nodes()
        for_each(lambda socket: self.store.add_missing(socket, images), sockets, at_once=len(sockets))

    def pinned_image(self, name: str) -> str:
        """The reference of an image with the digest that the nodes have it under."""
        reference = self.images.reference(name)
        return f"{reference}@{self._digests[reference]}"

    @cached_property
    def _digests(self) -> dict[str, str]:
        return self.store.digests(self._containerd(self.nodes[0]))

    def apply_addons(self) -> None:
        """Bring the add-ons to what this checkout says."""
        self.kubectl.apply(addons.manifests(self.checkout.lab / "addons", self.images.reference))

    def wait_ready(self) -> None:
        """Wait until all nodes and add-ons are usable. Raises with what was still missing."""
        wait_until(self._check_ready, _READY_SECONDS, "nodes and add-ons are ready", every_seconds=0.4)

    @property
    def _pki(self) -> Pki:
        return Pki.of(self.checkout.pki, self.nodes[0])

    @property
    def _api_ready(self) -> str:
        return api_ready(self.nodes[0])

    def _record(self) -> Record:
        outside = [*PRIVATE_DIRECTORIES, str(network.NAMED_NAMESPACES)]
        return Record(
            checkout=str(self.checkout.root),
            stack=self.stack,
            namespaces=tuple(node.namespace for node in self.nodes),
            links=tuple(network.links(self.nodes)),
            nodes=tuple(node.name for node in self.nodes),
            directories=tuple(missing_directories(outside)),
            settings={name: (Path("/proc/sys") / name).read_text().strip() for name in _CHANGED_SETTINGS},
        )

    def _start_node(self, node: Node, store: Path) -> None:
        spec, files = self._spec(node), self.checkout.nodes / node.name
        run_directory(node.name).mkdir(parents=True)
        clone(store, self._directory(node, "/var/lib/containerd"))
        for directory in spec.private_directories.values():
            Path(directory).mkdir(parents=True, exist_ok=True)
        for name, text in self._agents(node).configuration().items():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            (files / name).write_text(text)
            if text.startswith("#!"):
                (files / name).chmod(0o755)
        cgroups.create(node.name)
        spec.start(files / "spec.json", self.checkout.root)

    def _spec(self, node: Node) -> NodeSpec:
        processes = self._agents(node).processes(self._api_ready)
        if node.control:
            data = self.checkout.nodes / node.name / "etcd"
            processes = [*control_plane(node, self.programs, self._pki, data), *processes]
        return NodeSpec(
            name=node.name,
            namespace=node.namespace,
            processes=tuple(processes),
            private_directories={target: str(self._directory(node, target)) for target in PRIVATE_DIRECTORIES},
            search_path=str(self.programs["containerd"].parent),
            authority=self._pki.certificate("ca"),
            log=self.checkout.log,
            status=run_directory(node.name) / "status.json",
        )

    def _agents(self, node: Node) -> Agents:
        files = self.checkout.nodes / node.name
        return Agents(node, self.programs, self._pki, files, self.images.reference("pause"))

    def _containerd(self, node: Node) -> Path:
        return self._directory(node, "/run/containerd") / "containerd.sock"

    def _directory(self, node: Node, target: str) -> Path:
        """The node's own directory behind a usual one. Sockets lie below /run: their paths must be short."""
        parent = run_directory(node.name) if target.startswith("/run/") else self.checkout.nodes / node.name
        return parent / PRIVATE_DIRECTORIES[target]

    def _check_nodes(self) -> list[State]:
        return [self._spec(node).check() for node in self.nodes]

    def _check_api(self) -> None:
        self._check_nodes()
        probe(self._api_ready, self._pki.certificate("ca"))

    def _check_ready(self) -> None:
        states = self._check_nodes()
        objects = self.kubectl.objects("nodes", "deployments", "pods")
        ours = [one for one in objects if one["metadata"].get("namespace") in (None, *addons.NAMESPACES)]
        lines = unready(ours, [node.name for node in self.nodes])
        lines += [f"node {n.name} is {s}" for n, s in zip(self.nodes, states, strict=True) if s is not State.UP]
        if lines:
            raise NotReady("; ".join(lines))


def missing_directories(wanted: list[str]) -> list[str]:
    """Those directories, and parents of them, that do not exist; parents first."""
    found: list[str] = []
    for path in map(Path, wanted):
        found += [str(one) for one in (*reversed(path.parents), path) if not one.exists() and str(one) not in found]
    return found
