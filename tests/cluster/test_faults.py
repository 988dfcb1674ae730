"""What breaks in the middle of a scan only delays it."""

from pathlib import Path

from tests.cluster.clients import Broker, Model, Scans, Shell, wait_for


def test_a_scan_survives_the_kill_of_its_worker(photo: Path, scans: Scans, model: Model, shell: Shell) -> None:
    with model.set(vision_seconds=5.0):
        task_id = scans.submit(photo)
        wait_for("the model call", lambda: scans.status(task_id)["status"] == "processing")
        for pod in shell.pods("scan", "scan-worker"):
            kill = ("kubectl", "exec", pod["metadata"]["name"], "--namespace=scan", "--", "kill", "-9", "1")
            shell(*kill, check=False)
            shell.kubectl("delete", "pod", pod["metadata"]["name"], "--namespace=scan", "--grace-period=0", "--force")
    state = scans.finish(task_id, timeout_seconds=120)
    assert state["status"] == "completed"


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
