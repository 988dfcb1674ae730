"""The programs of every node: containerd, kubelet, kube-proxy, netpol, with their configuration files.

They use their usual directories: each node has its own ones mounted there (``PRIVATE_DIRECTORIES``).
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cgroups import kubelet_root
from lab.netpol import cni
from lab.nodes import DNS_ADDRESS, POD_RANGE, Node
from lab.pki import Pki
from lab.process import Process

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
VOLUMES = "/var/lib/local-path"
"""Where the storage class keeps volumes on a node."""

PRIVATE_DIRECTORIES = {
    "/run/containerd": "run",
    "/var/lib/containerd": "containerd",
    "/var/lib/kubelet": "kubelet",
    "/var/lib/cni": "cni-state",
    VOLUMES: "volumes",
    "/var/log/pods": "pod-logs",
    "/var/log/containers": "container-logs",
}
"""Directory as the programs know it → the node's own directory that is mounted there."""

_KUBELET_HEALTH = "http://127.0.0.1:10248/healthz"
_PROXY_HEALTH = "http://127.0.0.1:10256/healthz"
_NETPOL_PORT = 10300
_NETPOL_PLUGIN = "eco2-netpol"
_PYTHON = str(Path(sys.executable).resolve())
"""The same one however the environment of this process was entered."""


@dataclass(frozen=True)
class Agents:
    """The four programs of one node."""

    node: Node
    programs: Mapping[str, Path]
    pki: Pki
    files: Path
    """Directory of the configuration files."""
    pause_image: str

    def processes(self, api_ready: str) -> list[Process]:
        """The programs; the Kubernetes ones wait until the API server at ``api_ready`` serves."""
        containerd_ready = f"unix:{CONTAINERD_SOCKET}"
        return [
            Process(
                name="containerd",
                command=(str(self.programs["containerd"]), "--config", str(self.files / "containerd.toml")),
                ready=containerd_ready,
            ),
            Process(
                name="kubelet",
                command=(
                    str(self.programs["kubelet"]),
                    f"--config={self.files / 'kubelet.json'}",
                    f"--kubeconfig={self.pki.kubeconfig(self.node.name)}",
                    f"--hostname-override={self.node.name}",
                    f"--node-ip={self.node.address}",
                    f"--node-labels={','.join(f'{key}={value}' for key, value in self.node.labels.items())}",
                ),
                needs=(api_ready, containerd_ready),
                ready=_KUBELET_HEALTH,
            ),
            Process(
                name="kube-proxy",
                command=(str(self.programs["kube-proxy"]), f"--config={self.files / 'kube-proxy.json'}"),
                needs=(api_ready,),
                ready=_PROXY_HEALTH,
                environment={"XTABLES_LOCKFILE": "/run/containerd/xtables.lock"},
            ),
            self._netpol(api_ready),
        ]

    def _netpol(self, api_ready: str) -> Process:
        """The enforcer of NetworkPolicies. It is ready only once the add-ons have given it its role."""
        return Process(
            name="netpol",
            command=(
                *(_PYTHON, "-m", "lab.netpol"),
                f"--node-name={self.node.name}",
                f"--node-index={self.node.index}",
                f"--server={self.pki.server}",
                f"--authority={self.pki.certificate('ca')}",
                f"--certificate={self.pki.certificate('netpol')}",
                f"--key={self.pki.key('netpol')}",
                f"--port={_NETPOL_PORT}",
            ),
            needs=(api_ready,),
            ready=f"http://127.0.0.1:{_NETPOL_PORT}/healthz",
        )

    def configuration(self) -> dict[str, str]:
        """The configuration files, by path below ``files``."""
        return {
            "containerd.toml": containerd_configuration(self.files, self.pause_image),
            "cni/10-eco2.conflist": json.dumps(pod_network(self.node), indent=1),
            f"cni-programs/{_NETPOL_PLUGIN}": f"#!/bin/sh\nexec {_PYTHON} -SE {cni.__file__}\n",
            "resolv.conf": "",
            "kubelet.json": json.dumps(self._kubelet(), indent=1),
            "kube-proxy.json": json.dumps(self._proxy(), indent=1),
        }

    def _kubelet(self) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "x509": {"clientCAFile": str(self.pki.certificate("ca"))},
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(self.pki.certificate(self.node.name)),
            "tlsPrivateKeyFile": str(self.pki.key(self.node.name)),
            "clusterDNS": [str(DNS_ADDRESS)],
            "clusterDomain": "cluster.local",
            # Pods must not inherit the machine's name servers: nothing may be asked outside.
            "resolvConf": str(self.files / "resolv.conf"),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "volumePluginDir": "/var/lib/kubelet/volume-plugins",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": kubelet_root(self.node.name),
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "100Mi"},
            # Images come from the lab, not from a registry: one that is removed would not come back.
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "4s",
            "registerWithTaints": [parse_taint(taint) for taint in self.node.taints],
        }

    def _proxy(self) -> dict[str, object]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(self.pki.kubeconfig("proxy"))},
            # What comes from outside of the pods, such as the host, is masqueraded, so that answers come back this way.
            "clusterCIDR": str(POD_RANGE),
            "hostnameOverride": self.node.name,
            "conntrack": {"maxPerCore": 0},
            "iptables": {"minSyncPeriod": "100ms"},
        }


def parse_taint(taint: str) -> dict[str, str]:
    """``key=value:effect`` as an object."""
    pair, _, effect = taint.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}


def pod_network(node: Node) -> dict[str, object]:
    """The CNI configuration: a bridge in the node, addresses of its own range, no translation, and then the rules."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": "/var/lib/cni/addresses",
            "ranges": [[{"subnet": node.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    rules = {"type": _NETPOL_PLUGIN, cni.PORT_KEY: _NETPOL_PORT}
    return {"cniVersion": "1.0.0", "name": "eco2", "plugins": [bridge, rules]}


def containerd_configuration(files: Path, pause_image: str) -> str:
    """containerd's configuration: default directories, and nothing written outside of them."""
    return f"""\
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause_image}"

[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE a score below the daemon's own cannot be set, and containers would not start.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni", "{files / "cni-programs"}"]
  conf_dir = "{files / "cni"}"

[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"

[plugins.'io.containerd.nri.v1.nri']
  disable = true
"""
