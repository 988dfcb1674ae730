"""What ``pulumi stack output`` tells: addresses, and lines that can be pasted into a shell."""

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.core.v1.outputs import ServiceSpec, ServiceStatus

from infra.namespaces import RABBITMQ, SCAN
from infra.rabbitmq import MANAGEMENT_PORT
from infra.scan import API

API_LOCAL_PORT = 8080


def exports(scan_api: Service, broker: str) -> dict[str, pulumi.Input[str]]:
    """The stack's outputs; ``broker`` is the RabbitmqCluster's name, by which the operator names its Secret."""
    url = api_url(scan_api)
    return {
        "api_url": url,
        "api_port_forward": f"kubectl -n {SCAN} port-forward svc/{API} {API_LOCAL_PORT}:80",
        "curl_examples": url.apply(curl_examples),
        "management_url": f"http://localhost:{MANAGEMENT_PORT}",
        "management_port_forward": f"kubectl -n {RABBITMQ} port-forward svc/{broker} {MANAGEMENT_PORT}",
        "management_user_command": default_user(broker, "username"),
        "management_password_command": default_user(broker, "password"),
    }


def api_url(service: Service) -> pulumi.Output[str]:
    """A load balancer's address, else the Service's own, which is reached from inside the cluster only."""
    addresses = pulumi.Output.all(service.status.apply(balancer), service.spec.apply(own_address))
    # Before the first update nothing but the name is known.
    return addresses.apply(lambda known: f"http://{known[0] or known[1] or f'{API}.{SCAN}.svc'}")


def balancer(status: ServiceStatus | None) -> str | None:
    if status is None or status.load_balancer is None:
        return None
    return next((ingress.hostname or ingress.ip for ingress in status.load_balancer.ingress or ()), None)


def own_address(spec: ServiceSpec | None) -> str | None:
    return None if spec is None else spec.cluster_ip


def default_user(broker: str, key: str) -> str:
    return f"kubectl -n {RABBITMQ} get secret {broker}-default-user -o jsonpath='{{.data.{key}}}' | base64 -d"


def curl_examples(url: str) -> str:
    return "\n".join(
        (
            f"curl -sf -H 'X-User-ID: u1' -F image=@photo.jpg {url}/classify/async",
            "curl -sf -H 'X-User-ID: u1' -H 'Content-Type: application/json' "
            f'-d \'{{"image_url": "https://example.com/bottle.jpg"}}\' {url}/classify/async',
            f"curl -sf {url}/task/$TASK_ID/status",
            f"curl -sN {url}/task/$TASK_ID/events",
        )
    )
