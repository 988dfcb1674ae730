"""Control groups, Debian packages, add-ons: what the machine and the cluster are given."""

from pathlib import Path

import yaml

from lab import addons, packages
from lab.cgroups import all_hierarchies, hierarchies, kubelet_root
from lab.cluster import missing_directories
from lab.layout import Checkout
from lab.node_agents import PRIVATE_DIRECTORIES, containerd_configuration, parse_taint, pod_network
from lab.nodes import nodes_of

MIXED = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
UNIFIED = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"


def test_version_1_wins_where_both_are_mounted() -> None:
    assert hierarchies(MIXED) == [Path("/sys/fs/cgroup/cpu")], "the other hierarchy has no controllers then"


def test_a_machine_with_version_2_only_uses_that() -> None:
    assert hierarchies(UNIFIED) == [Path("/sys/fs/cgroup")]


def test_groups_are_removed_from_every_hierarchy() -> None:
    assert len(all_hierarchies(MIXED)) == 2, "runc makes groups in the empty one too, they would stay"


def test_the_kubelets_group_names_the_node() -> None:
    assert kubelet_root("data-0") == "/eco2-lab/data-0"


def test_only_missing_packages_are_installed() -> None:
    listing = "\n".join(f"{name} installed" for name in packages.REQUIRED if name != "runc")
    assert packages.missing(f"{listing}\nrunc config-files") == ["runc"]


def test_missing_directories_are_found_with_their_parents_first(tmp_path: Path) -> None:
    wanted = [str(tmp_path / "a" / "b"), str(tmp_path / "a" / "c"), str(tmp_path)]
    assert missing_directories(wanted) == [str(tmp_path / name) for name in ("a", "a/b", "a/c")]


def test_addons_are_complete_manifests() -> None:
    text = addons.manifests(Checkout.here().lab / "addons", lambda name: f"localhost/eco2/{name}:1")
    assert "${" not in text
    kinds = [document["kind"] for document in yaml.safe_load_all(text)]
    assert kinds.count("Deployment") == 3
    assert "StorageClass" in kinds


def test_dns_never_asks_outside() -> None:
    corefile = (Checkout.here().lab / "addons" / "coredns.yaml").read_text()
    assert "forward " not in corefile, "queries would leave the machine"


def test_taints_are_given_as_objects() -> None:
    assert parse_taint("domain=data:NoSchedule") == {"key": "domain", "value": "data", "effect": "NoSchedule"}


def test_pods_get_addresses_of_their_node_without_translation() -> None:
    bridge, _ = pod_network(nodes_of("dev")[1])["plugins"]  # type: ignore[misc, attr-defined]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert bridge["ipMasq"] is False


def test_containerd_writes_only_into_private_directories() -> None:
    text = containerd_configuration(Path("/files"), "localhost/eco2/pause:1")
    written = [line.split('"')[1] for line in text.splitlines() if line.strip().startswith("path =")]
    assert all(any(path.startswith(private) for private in PRIVATE_DIRECTORIES) for path in written)
