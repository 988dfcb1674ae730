"""What breaks in the middle of a scan only delays it."""

from pathlib import Path

from app.faults import KILLED
from tests.cluster.clients import Broker, Json, Model, Scans, Shell, wait_for
from tests.cluster.processes import in_control_group, kill


def was_killed(pod: Json) -> bool:
    [container] = pod["status"]["containerStatuses"]
    return bool(container["lastState"].get("terminated", {}).get("exitCode") == KILLED)


def test_a_scan_survives_the_kill_of_its_worker(photo: Path, scans: Scans, model: Model, shell: Shell) -> None:
    with model.set(vision_seconds=5.0):
        task_id = scans.submit(photo)
        wait_for("the model call", lambda: scans.status(task_id)["status"] == "processing")
        for pod in shell.pods("scan", "scan-worker"):
            kill(in_control_group(pod["metadata"]["uid"]))
    assert scans.finish(task_id, timeout_seconds=120)["status"] == "completed"
    wait_for("workers that were killed", lambda: all(map(was_killed, shell.pods("scan", "scan-worker"))))


def test_a_scan_survives_the_loss_of_the_broker_pod(
    photo: Path, scans: Scans, model: Model, shell: Shell, broker: Broker
) -> None:
    with model.set(vision_seconds=5.0):
        under_way = scans.submit(photo)
        wait_for("the model call", lambda: scans.status(under_way)["status"] == "processing")
        shell.kubectl("delete", "pod", "eco2-rabbitmq-server-0", "--namespace=rabbitmq", "--grace-period=0", "--force")
        during = scans.submit(photo)
    for task_id in (under_way, during):
        assert scans.finish(task_id, timeout_seconds=180)["status"] == "completed"
    wait_for("the broker to be ready", lambda: broker.http.get("/api/overview").status_code == 200, 120)
