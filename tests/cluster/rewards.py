"""What the tests of rewards have in common: scans that earn something, the rows of it, and who keeps them."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from tests.cluster.clients import Json, Scans, Shell, wait_for
from tests.cluster.processes import kill, running

Workload = tuple[str, str]
"""Namespace and Deployment; the component is named like it."""

CHARACTER = ("character", "character")
OWNERSHIPS = ("character", "character-worker")
COPIES = ("character", "users-worker")
REWARDS = ("scan", "reward-worker")
BEAT = ("scan", "celery-beat")

USERS_OF_POSTGRES = (CHARACTER, OWNERSHIPS, COPIES)

FLUSH_SECONDS = 5
POSTGRES_OUTAGE_SECONDS = 120
CAN = "https://photos.example.com/can.jpg"
"""Earns a character."""
UNKNOWN = "https://photos.example.com/unknown.jpg"
"""Nobody can tell what it is."""


@dataclass(frozen=True)
class Rows:
    """What PostgreSQL has of the users whose name begins with ``prefix``."""

    shell: Shell
    prefix: str

    @property
    def granted(self) -> list[str]:
        return self._pairs("reward_decisions", "AND status = 'granted'")

    @property
    def ownerships(self) -> list[str]:
        return self._pairs("character_ownerships")

    @property
    def copies(self) -> list[str]:
        return self._pairs("user_characters")

    def are_whole(self) -> bool:
        """Something was granted, and both tables have it."""
        return bool(self.granted) and self.granted == self.ownerships == self.copies

    def user(self, position: int) -> str:
        return f"{self.prefix}-{position}"

    def _pairs(self, table: str, condition: str = "") -> list[str]:
        of_them = f"user_id LIKE '{self.prefix}-%' {condition} ORDER BY 1, 2"
        return query(self.shell, f"SELECT user_id, character_code FROM {table} WHERE {of_them}").split()


@dataclass
class Arrivals:
    """Watches from the start of the block to its end when the users' rows are in both tables."""

    shell: Shell
    rows: Rows
    _seen: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._done = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self._began = time.monotonic()
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watching.join()

    def seconds(self, per_second: float) -> list[float]:
        """What each user waited whose scan was sent in its turn, at this rate from the start of the block."""
        turns = {self.rows.user(position): position / per_second for position in range(len(self._seen))}
        return [seen - self._began - turns[user] for user, seen in self._seen.items()]

    def _watch(self) -> None:
        both = "SELECT user_id FROM character_ownerships JOIN user_characters USING (user_id, character_code)"
        password = self.shell.secret("postgres", "postgres")["password"]
        host = self.shell.cluster_ip("postgres", "postgres")
        database = {"host": host, "dbname": "character", "user": "postgres", "password": password}
        with psycopg.connect(**database, autocommit=True) as connection:
            while not self._done.wait(0.1):
                found = connection.execute(f"{both} WHERE user_id LIKE %s", [f"{self.rows.prefix}-%"])
                for (user,) in found:
                    self._seen.setdefault(user, time.monotonic())


def query(shell: Shell, sql: str) -> str:
    """Asks PostgreSQL within its pod, also where it is read-only."""
    command = ("psql", "character", "--no-align", "--tuples-only", "--command", sql)
    writable = ("env", "PGOPTIONS=-c default_transaction_read_only=off")
    return shell.kubectl("exec", "--namespace=postgres", "postgres-0", "--", *writable, *command).strip()


def reward_of(state: Json) -> Json:
    reward: Json = state["result"]["reward"]
    return reward


def submit(scans: Scans, rows: Rows, count: int, per_second: float = 20, first: int = 0) -> list[str]:
    """Scans of as many users, each of which earns a character; users are numbered from ``first``."""
    begun, tasks = time.monotonic(), []
    for position in range(count):
        tasks.append(scans.submit_url(CAN, user=rows.user(first + position)))
        time.sleep(max(0.0, begun + (position + 1) / per_second - time.monotonic()))
    return tasks


def assert_granted(scans: Scans, tasks: list[str], timeout_seconds: float) -> None:
    ends = [scans.settle(task, timeout_seconds) for task in tasks]
    assert {reward_of(end)["status"] for end in ends} == {"granted"}


def assert_all_granted_once(scans: Scans, rows: Rows, tasks: list[str], timeout_seconds: float) -> None:
    """These are all the scans of the rows' users, each of which earns its user something."""
    assert_granted(scans, tasks, timeout_seconds)
    wait_for("rows of all that was granted", lambda: rows.are_whole() and len(rows.granted) == len(tasks), 60)
    time.sleep(FLUSH_SECONDS + 1)
    assert rows.granted == rows.ownerships == rows.copies, "something was kept twice or lost"


@contextmanager
def without_postgres(shell: Shell) -> Iterator[None]:
    def scale(replicas: int) -> None:
        shell.kubectl("scale", "statefulset", "postgres", "--namespace=postgres", f"--replicas={replicas}")
        wait_for("PostgreSQL", lambda: len(shell.ready_pods("postgres", "postgres")) == replicas, 120)

    try:
        scale(0)
        yield
    finally:
        scale(1)


@contextmanager
def scaled(shell: Shell, workload: Workload, replicas: int) -> Iterator[None]:
    """So many pods of a Deployment within the block, all ready; as many as before after it."""
    namespace, name = workload
    before = int(shell.get("deployment", name, f"--namespace={namespace}")["spec"]["replicas"])
    try:
        _scale(shell, workload, replicas)
        yield
    finally:
        _scale(shell, workload, before)


def _scale(shell: Shell, workload: Workload, replicas: int) -> None:
    namespace, name = workload
    shell.kubectl("scale", "deployment", name, f"--namespace={namespace}", f"--replicas={replicas}")
    selector = f"--selector=app.kubernetes.io/component={name}"

    def are_there() -> bool:
        pods = shell.get("pods", f"--namespace={namespace}", selector)["items"]
        return len(pods) == replicas == len(shell.ready_pods(namespace, name))

    wait_for(f"{replicas} pods of {name}", are_there, 120)


def kill_pods(shell: Shell, workload: Workload, program: str = "python") -> None:
    """SIGKILL for the process of each pod of a component."""
    kill([pid for pod in shell.pods(*workload) for pid in running(program, pod["metadata"]["uid"])])


def insist(scans: Scans, user: str) -> str:
    """Sends a scan as a good client does: again under the same key, until it is accepted."""
    headers = {"X-User-ID": user, "Idempotency-Key": uuid.uuid4().hex}

    def task_id() -> str:
        answer = scans.http.post("/classify/async", json={"image_url": CAN}, headers=headers)
        assert answer.status_code in (202, 409, 503), answer.text
        return str(answer.json().get("task_id", ""))

    return wait_for("the scan to be accepted", task_id, 60)


def restarts(shell: Shell, *workloads: Workload) -> int:
    pods = [pod for workload in workloads for pod in shell.pods(*workload)]
    return sum(status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"])


def metric(shell: Shell, workload: Workload, name: str, label: str = "") -> float:
    """The sum of a metric's series, of those whose labels have ``label`` in them, in the component's one pod."""
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9000/metrics').read().decode())"
    namespace, deployment = workload
    told = shell.kubectl("exec", f"--namespace={namespace}", f"deployment/{deployment}", "--", "python", "-c", script)
    series = [line.rpartition(" ") for line in told.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    values: list[Any] = [value for key, _, value in series if label in key]
    return sum(map(float, values))


Inserts = dict[Workload, tuple[float, float]]


def inserts(shell: Shell) -> Inserts:
    """How many INSERTs each batch worker has run so far, and of how many rows."""
    rows = "saver_insert_rows"
    savers = (OWNERSHIPS, COPIES)
    return {saver: (metric(shell, saver, f"{rows}_count"), metric(shell, saver, f"{rows}_sum")) for saver in savers}


def rows_per_insert(before: Inserts, after: Inserts) -> dict[Workload, float]:
    return {saver: (rows - before[saver][1]) / (count - before[saver][0]) for saver, (count, rows) in after.items()}
