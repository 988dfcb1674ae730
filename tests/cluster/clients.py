"""Thin clients for what runs in the lab: kubectl, pulumi, the API, the broker's management API, the model."""

import json
import os
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

Json = dict[str, Any]
T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def wait_for(what: str, look: Callable[[], T], timeout_seconds: float = 60, every_seconds: float = 0.2) -> T:
    """Calls ``look`` until it gives something true; a passing error of the client counts as not yet.

    Raises AssertionError that names what was awaited and what was seen last.
    """
    deadline = time.monotonic() + timeout_seconds
    seen: object = None
    while time.monotonic() < deadline:
        try:
            found = look()
        except (httpx.HTTPError, subprocess.CalledProcessError) as error:
            seen = error
        else:
            if found:
                return found
            seen = found
        time.sleep(every_seconds)
    raise AssertionError(f"{what}: not within {timeout_seconds} s, last seen {seen!r}")


@dataclass(frozen=True)
class Shell:
    """Runs the tools of the lab with the environment that the lab wrote for them."""

    environment: dict[str, str]

    def __call__(
        self,
        *command: str,
        stdin: str | None = None,
        check: bool = True,
        timeout_seconds: float = 300,
        cwd: Path = ROOT,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **self.environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Behind everything else: who looks every second must not be what the stack waits for."""
        return self("nice", "--adjustment=10", "kubectl", *arguments, stdin=stdin).stdout

    def get(self, *arguments: str) -> Json:
        found: Json = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        data = self.get("secret", name, f"--namespace={namespace}")["data"]
        return {key: b64decode(value).decode() for key, value in data.items()}

    def cluster_ip(self, namespace: str, service: str) -> str:
        return str(self.get("service", service, f"--namespace={namespace}")["spec"]["clusterIP"])

    def all_pods(self, namespace: str, component: str) -> list[Json]:
        """The pods of one component, those on their way out included."""
        selector = f"--selector=app.kubernetes.io/component={component}"
        items: list[Json] = self.get("pods", f"--namespace={namespace}", selector)["items"]
        return items

    def pods(self, namespace: str, component: str) -> list[Json]:
        """The pods of one component that are not on their way out."""
        return [pod for pod in self.all_pods(namespace, component) if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self, namespace: str, component: str) -> list[Json]:
        def ready(pod: Json) -> bool:
            conditions = pod["status"].get("conditions", [])
            return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

        return [pod for pod in self.pods(namespace, component) if ready(pod)]


@dataclass(frozen=True)
class Broker:
    """RabbitMQ's management API, as its administrator."""

    http: httpx.Client
    vhost: str

    def in_vhost(self, kind: str) -> list[Json]:
        answer = self.http.get(f"/api/{kind}/{self.vhost}")
        answer.raise_for_status()
        found: list[Json] = answer.json()
        return found

    def publish(self, exchange: str, routing_key: str, body: str | bytes, **properties: Any) -> None:
        """Publishes one message; ``properties`` are AMQP's, among them ``headers``. It must find a queue."""
        payload = body if isinstance(body, bytes) else body.encode()
        answer = self.http.post(
            f"/api/exchanges/{self.vhost}/{exchange}/publish",
            json={
                "routing_key": routing_key,
                "properties": {"delivery_mode": 2, **properties},
                "payload": b64encode(payload).decode(),
                "payload_encoding": "base64",
            },
        )
        answer.raise_for_status()
        assert answer.json()["routed"], f"{exchange} has no queue for {routing_key}"

    def messages(self, queue: str) -> list[Json]:
        """The first 1,000 messages of a queue, which stay there."""
        wish = {"count": 1000, "ackmode": "reject_requeue_true", "encoding": "base64"}
        answer = self.http.post(f"/api/queues/{self.vhost}/{queue}/get", json=wish)
        answer.raise_for_status()
        found: list[Json] = answer.json()
        return found

    def purge(self, queue: str) -> None:
        self.http.delete(f"/api/queues/{self.vhost}/{queue}/contents").raise_for_status()

    @contextmanager
    def unbound(self, exchange: str, queue: str, key: str = "") -> Iterator[None]:
        """Without this binding within the block."""
        path = f"/api/bindings/{self.vhost}/e/{exchange}/q/{queue}"
        self.http.delete(f"{path}/{key or '~'}").raise_for_status()
        try:
            yield
        finally:
            self.http.post(path, json={"routing_key": key}).raise_for_status()

    def everywhere(self, kind: str) -> list[Json]:
        answer = self.http.get(f"/api/{kind}")
        answer.raise_for_status()
        found: list[Json] = answer.json()
        return found


@dataclass(frozen=True)
class Event:
    """One event of a stream; ``data`` is the status object, ``version`` the event's id."""

    name: str
    version: int
    data: Json


@dataclass(frozen=True)
class Scans:
    """The public API, as a client sees it."""

    http: httpx.Client

    def post(self, photo: Path, user: str = "tester", **headers: str) -> httpx.Response:
        files = {"image": (photo.name, photo.read_bytes(), "image/jpeg")}
        return self.http.post("/classify/async", files=files, headers={"X-User-ID": user, **headers})

    def post_url(self, image_url: str, user: str = "tester", **body: str) -> httpx.Response:
        return self.http.post("/classify/async", json={"image_url": image_url, **body}, headers={"X-User-ID": user})

    def submit(self, photo: Path, user: str = "tester") -> str:
        answer = self.post(photo, user)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def submit_url(self, image_url: str, user: str = "tester") -> str:
        answer = self.post_url(image_url, user)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def status(self, task_id: str) -> Json:
        answer = self.http.get(f"/task/{task_id}/status")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def history(self, task_id: str, timeout_seconds: float = 60) -> list[Json]:
        """Polls until the scan has ended; every different state that was seen, in order."""
        seen: list[Json] = []

        def ended() -> bool:
            state = self.status(task_id)
            if not seen or state != seen[-1]:
                seen.append(state)
            return state["status"] in ("completed", "failed")

        wait_for(f"the end of scan {task_id}", ended, timeout_seconds, every_seconds=0.05)
        return seen

    def finish(self, task_id: str, timeout_seconds: float = 60) -> Json:
        return self.history(task_id, timeout_seconds)[-1]

    def settle(self, task_id: str, timeout_seconds: float = 60) -> Json:
        """The status once nothing changes any more: the scan has ended, and its reward is decided."""

        def settled() -> Json:
            state = self.status(task_id)
            is_open = state["status"] == "completed" and state["result"]["reward"]["status"] == "pending"
            return {} if is_open or state["status"] in ("queued", "processing") else state

        return wait_for(f"the reward of scan {task_id}", settled, timeout_seconds)

    @contextmanager
    def stream(self, task_id: str, **headers: str) -> Iterator[Iterator[Event]]:
        """The scan's event stream, open as long as the block runs; it ends when the server ends it."""
        with self.http.stream("GET", f"/task/{task_id}/events", headers=headers, timeout=60) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield _events(answer.iter_lines())

    def events(self, task_id: str, **headers: str) -> list[Event]:
        with self.stream(task_id, **headers) as events:
            return list(events)


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            key, _, value = line.partition(":")
            fields[key] = value.removeprefix(" ")
        elif fields:
            yield Event(name=fields["event"], version=int(fields["id"]), data=json.loads(fields["data"]))
            fields = {}


@dataclass(frozen=True)
class Model:
    """The lab's model stand-in: how long it takes and how it fails."""

    http: httpx.Client

    def control(self, **settings: Any) -> Json:
        answer = self.http.put("/control", json=settings)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def counters(self) -> Json:
        answer = self.http.get("/control")
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    @contextmanager
    def set(self, **settings: Any) -> Iterator[None]:
        """Behaves as told within the block and as before after it."""
        before = {key: self.counters()[key] for key in settings}
        self.control(**settings)
        try:
            yield
        finally:
            self.control(**before)


@dataclass(frozen=True)
class Stack:
    """The deployed stack: its name, its merged configuration file and what Pulumi says of it.

    ``project`` is the folder of the program; another one than the checkout's is imported from there.
    """

    shell: Shell
    name: str
    config_file: Path
    project: Path = ROOT

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Saves the state at the end alone, as the lab does."""
        return self.shell(
            *("env", f"PYTHONPATH={self.project}", "PULUMI_EXPERIMENTAL=true", "PULUMI_SKIP_CHECKPOINTS=true"),
            "pulumi",
            *arguments,
            f"--stack={self.name}",
            f"--config-file={self.config_file}",
            "--non-interactive",
            "--color=never",
            check=check,
            timeout_seconds=900,
            cwd=self.project,
        )

    def with_settings(self, config_file: Path, **settings: str) -> "Stack":
        """The same stack with other settings, which are in force after its ``update``."""
        content = yaml.safe_load(self.config_file.read_text())
        content["config"] |= {f"eco2:{key}": value for key, value in settings.items()}
        config_file.write_text(yaml.safe_dump(content))
        return replace(self, config_file=config_file)

    def update(self) -> None:
        self.pulumi("up", "--yes", "--skip-preview")

    @cached_property
    def outputs(self) -> Json:
        done = self.shell("pulumi", "stack", "output", f"--stack={self.name}", "--json", "--non-interactive")
        found: Json = json.loads(done.stdout)
        return found
