"""The faults of `make chaos`: each breaks something of the running prod stack and ends when it is no longer broken."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app import topology
from tests.cluster.clients import ROOT, Json
from tests.cluster.outages import API, BROKER_PODS, BROKER_PROGRAM, WORKER, Lab
from tests.cluster.processes import kill, running

APPS = tuple((service.namespace, service.name) for service in topology.SERVICES)
ROLLOUT_SECONDS = 600


@dataclass(frozen=True)
class Times:
    """How long each fault lasts, in seconds: long as in `make chaos`, or short as in the tests."""

    node_death: float
    network_cut: float
    disk_alarm: float


LONG = Times(node_death=60, network_cut=90, disk_alarm=60)
SHORT = Times(node_death=15, network_cut=40, disk_alarm=10)


@dataclass(frozen=True)
class Fault:
    """``strike`` returns when nothing is broken any more by its own hand; what is broken by then heals by itself."""

    strike: Callable[[Lab, Times], None]
    post_gap_s: float = 3.0
    """Bound of the longest time without an accepted POST. Clients, API and what starts anew share two cores here."""
    completion_gap_s: Callable[[Times], float] = field(default=lambda times: 15.0)
    """Bound of the longest time without a completed scan."""


def leader(lab: Lab) -> str:
    """The pod of the broker that leads the first queue of the chain."""
    answer = lab.broker.http.get(f"/api/queues/{topology.VHOST}/{topology.VISION.queue}")
    answer.raise_for_status()
    return str(answer.json()["leader"]).removeprefix("rabbit@").partition(".")[0]


def brokers(lab: Lab) -> list[Json]:
    return lab.shell.pods("rabbitmq", "rabbitmq")


def node_of(lab: Lab, pod: str) -> str:
    return str(lab.shell.get("pod", pod, "--namespace=rabbitmq")["spec"]["nodeName"])


def lab_node(fault: str, name: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", "node", fault, name], cwd=ROOT, check=True)


def kill_one(lab: Lab, component: str) -> None:
    kill(running("python", lab.shell.ready_pods("scan", component)[0]["metadata"]["uid"]))


def kill_brokers(lab: Lab, names: list[str]) -> None:
    uids = [pod["metadata"]["uid"] for pod in brokers(lab) if pod["metadata"]["name"] in names]
    kill([pid for uid in uids for pid in running(BROKER_PROGRAM, uid)])


def kill_all_brokers(lab: Lab, times: Times) -> None:
    kill_brokers(lab, [pod["metadata"]["name"] for pod in brokers(lab)])


def node_death(lab: Lab, times: Times) -> None:
    node = node_of(lab, leader(lab))
    lab_node("kill", node)
    try:
        time.sleep(times.node_death)
    finally:
        lab_node("start", node)


def network_cut(lab: Lab, times: Times) -> None:
    node = node_of(lab, leader(lab))
    lab_node("cut", node)
    try:
        time.sleep(times.network_cut)
    finally:
        lab_node("heal", node)


def disk_alarm(lab: Lab, times: Times) -> None:
    with lab.disk_alarm():
        time.sleep(times.disk_alarm)


def restart(lab: Lab, namespace: str, *workloads: str) -> None:
    """A rolling update of all of these to pods that differ in a date."""
    lab.shell.kubectl("rollout", "restart", *workloads, f"--namespace={namespace}")
    wait = f"--timeout={ROLLOUT_SECONDS}s"
    for workload in workloads:
        command = ("kubectl", "rollout", "status", workload, f"--namespace={namespace}", wait)
        lab.shell(*command, timeout_seconds=ROLLOUT_SECONDS + 30)


def update_brokers(lab: Lab, times: Times) -> None:
    restart(lab, "rabbitmq", f"statefulset/{BROKER_PODS}")


def update_apps(lab: Lab, times: Times) -> None:
    for namespace in dict(APPS):
        restart(lab, namespace, *(f"deployment/{name}" for space, name in APPS if space == namespace))


EVERYTHING_STARTS_S = 6.0
"""Three brokers, or all pods of the app, take both cores at once: a POST waits for its turn, and is accepted."""

FAULTS: dict[str, Fault] = {
    "worker-pod-kill": Fault(lambda lab, _: kill_one(lab, WORKER)),
    "api-pod-kill": Fault(lambda lab, _: kill_one(lab, API)),
    "broker-leader-kill": Fault(lambda lab, _: kill_brokers(lab, [leader(lab)])),
    "data-node-death": Fault(node_death, post_gap_s=1.0),
    # Until net_ticktime (20 s) has passed nobody knows that the leader is away.
    "network-cut": Fault(network_cut, completion_gap_s=lambda times: 45.0),
    # It holds what is accepted: only its absence keeps clients waiting, who are told when to come back.
    "redis-kill": Fault(lambda lab, _: kill(lab.redis_processes()), post_gap_s=30.0, completion_gap_s=lambda _: 45.0),
    "rolling-update-brokers": Fault(update_brokers),
    "rolling-update-apps": Fault(update_apps, post_gap_s=EVERYTHING_STARTS_S),
    # One alarm stops the publishers of all brokers, and what is accepted waits in the outbox.
    "disk-alarm": Fault(disk_alarm, completion_gap_s=lambda times: times.disk_alarm + 30),
    "brokers-all-killed": Fault(kill_all_brokers, post_gap_s=EVERYTHING_STARTS_S, completion_gap_s=lambda _: 90.0),
}
