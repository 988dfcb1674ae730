"""Keys, certificates and kubeconfigs of one cluster, made with openssl."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run
from lab.nodes import API_PORT, API_SERVICE_ADDRESS, Node
from lab.parallel import for_each

CONTROLLER_MANAGER = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
PROXY = "system:kube-proxy"
NETPOL = "lab-netpol"
"""The user of lab/addons/netpol.yaml."""
_ADMINISTRATORS = "system:masters"
_VALID_DAYS = "3650"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Pki:
    """The files of one cluster below a directory."""

    directory: Path
    server: str
    """The API server's URL, for kubeconfigs."""

    @classmethod
    def of(cls, directory: Path, control: Node) -> "Pki":
        """The files for a cluster whose API server runs on ``control``."""
        return cls(directory, f"https://{control.address}:{API_PORT}")

    def certificate(self, name: str) -> Path:
        """``ca``, a node's name, or what a program of the cluster is called in ``certificates``."""
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The key of the certificate of that name; ``service-account`` signs the pods' tokens."""
        return self.directory / f"{name}.key"

    def kubeconfig(self, name: str) -> Path:
        """A client's way to the API server."""
        return self.directory / f"{name}.kubeconfig"

    def create(self, nodes: tuple[Node, ...]) -> None:
        """Make everything anew."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._authority()
        run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key("service-account")])
        for_each(lambda wanted: self._issue(*wanted), certificates(nodes), at_once=4)
        for client in ("admin", "controller-manager", "scheduler", "proxy", *(node.name for node in nodes)):
            self._write_kubeconfig(client)

    def _authority(self) -> None:
        files = ("-keyout", self.key("ca"), "-out", self.certificate("ca"))
        subject = ("-subj", "/CN=eco2-lab", "-addext", "keyUsage=critical,keyCertSign,digitalSignature")
        run(["openssl", "req", "-x509", *_CURVE, "-days", _VALID_DAYS, *subject, *files])

    def _issue(self, name: str, subject: str, names: str) -> None:
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        lines = ["keyUsage=digitalSignature", "extendedKeyUsage=clientAuth,serverAuth"]
        extensions.write_text("\n".join([*lines, *([f"subjectAltName={names}"] if names else []), ""]))
        run(["openssl", "req", "-new", *_CURVE, "-subj", subject, "-keyout", self.key(name), "-out", request])
        signer = ("-CA", self.certificate("ca"), "-CAkey", self.key("ca"), "-extfile", extensions)
        run(["openssl", "x509", "-req", "-in", request, *signer, "-days", _VALID_DAYS, "-out", self.certificate(name)])
        request.unlink()
        extensions.unlink()

    def _write_kubeconfig(self, name: str) -> None:
        path = self.kubeconfig(name)
        path.touch(mode=0o600)
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {
                            "name": "eco2-lab",
                            "cluster": {"server": self.server, "certificate-authority": str(self.certificate("ca"))},
                        }
                    ],
                    "users": [
                        {
                            "name": name,
                            "user": {
                                "client-certificate": str(self.certificate(name)),
                                "client-key": str(self.key(name)),
                            },
                        }
                    ],
                    "contexts": [{"name": "eco2-lab", "context": {"cluster": "eco2-lab", "user": name}}],
                    "current-context": "eco2-lab",
                },
                indent=1,
            )
        )


def certificates(nodes: tuple[Node, ...]) -> list[tuple[str, str, str]]:
    """File name, subject and alternative names of every certificate under the authority."""
    cluster_names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
    addresses = ("127.0.0.1", str(API_SERVICE_ADDRESS), nodes[0].address)
    api_names = ",".join([*(f"DNS:{name}" for name in cluster_names), *(f"IP:{address}" for address in addresses)])
    return [
        ("apiserver", "/CN=kube-apiserver", api_names),
        ("admin", f"/O={_ADMINISTRATORS}/CN=admin", ""),
        ("controller-manager", f"/CN={CONTROLLER_MANAGER}", ""),
        ("scheduler", f"/CN={SCHEDULER}", ""),
        ("proxy", f"/CN={PROXY}", ""),
        ("netpol", f"/CN={NETPOL}", ""),
        *(
            (node.name, f"/O=system:nodes/CN=system:node:{node.name}", f"DNS:{node.name},IP:{node.address}")
            for node in nodes
        ),
    ]
