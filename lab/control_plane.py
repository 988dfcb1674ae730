"""The programs of the control plane: etcd, API server, controller manager, scheduler."""

from collections.abc import Mapping
from pathlib import Path

from lab.nodes import API_PORT, SERVICE_RANGE, Node
from lab.pki import Pki
from lab.process import Process

_ETCD = "http://127.0.0.1:2379"
_CLIENT_LIMITS = ("--kube-api-qps=200", "--kube-api-burst=400")
"""The default limits make a fresh cluster wait for itself."""


def api_ready(control: Node) -> str:
    """The address that answers 200 once the API server serves, roles of the control plane's own users included.

    The controller manager ends at once when it starts before those roles exist.
    """
    return f"https://{control.address}:{API_PORT}/readyz"


def control_plane(node: Node, programs: Mapping[str, Path], pki: Pki, data: Path) -> list[Process]:
    """The control plane's processes on ``node``; etcd's files go to ``data``."""
    return [
        etcd(programs["etcd"], data),
        api_server(node, programs["kube-apiserver"], pki),
        controller_manager(node, programs["kube-controller-manager"], pki),
        scheduler(node, programs["kube-scheduler"], pki),
    ]


def etcd(program: Path, data: Path) -> Process:
    """The store. Without fsync: the cluster does not outlive a power cut anyway."""
    return Process(
        name="etcd",
        command=(
            str(program),
            f"--data-dir={data}",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ),
        ready=f"{_ETCD}/health",
    )


def api_server(node: Node, program: Path, pki: Pki) -> Process:
    """The API server, on the node's own address."""
    return Process(
        name="kube-apiserver",
        command=(
            str(program),
            f"--etcd-servers={_ETCD}",
            f"--advertise-address={node.address}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--tls-cert-file={pki.certificate('apiserver')}",
            f"--tls-private-key-file={pki.key('apiserver')}",
            f"--client-ca-file={pki.certificate('ca')}",
            f"--service-account-key-file={pki.key('service-account')}",
            f"--service-account-signing-key-file={pki.key('service-account')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--kubelet-certificate-authority={pki.certificate('ca')}",
            f"--kubelet-client-certificate={pki.certificate('admin')}",
            f"--kubelet-client-key={pki.key('admin')}",
            "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            "--profiling=false",
        ),
        needs=(f"{_ETCD}/health",),
        ready=api_ready(node),
    )


def controller_manager(node: Node, program: Path, pki: Pki) -> Process:
    """The controllers, one instance without leader election."""
    return Process(
        name="kube-controller-manager",
        command=(
            str(program),
            *_client_flags(pki.kubeconfig("controller-manager")),
            *_CLIENT_LIMITS,
            f"--service-account-private-key-file={pki.key('service-account')}",
            f"--root-ca-file={pki.certificate('ca')}",
            f"--cluster-signing-cert-file={pki.certificate('ca')}",
            f"--cluster-signing-key-file={pki.key('ca')}",
            "--use-service-account-credentials",
        ),
        needs=(api_ready(node),),
    )


def scheduler(node: Node, program: Path, pki: Pki) -> Process:
    """The scheduler, one instance without leader election."""
    return Process(
        name="kube-scheduler",
        command=(str(program), *_client_flags(pki.kubeconfig("scheduler")), *_CLIENT_LIMITS),
        needs=(api_ready(node),),
    )


def _client_flags(kubeconfig: Path) -> tuple[str, ...]:
    return (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--profiling=false",
    )
