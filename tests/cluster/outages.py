"""Takes the broker or Redis away, and brings the lab back to health."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import redis

from app import topology
from tests.cluster.brokers import listeners, wanted_listeners
from tests.cluster.clients import Broker, Json, Scans, Shell, wait_for
from tests.cluster.processes import in_control_group, kill, running

API = "scan-api"
WORKER = "scan-worker"
BROKER = "eco2-rabbitmq"
BROKER_PODS = f"{BROKER}-server"
BROKER_PROGRAM = "beam.smp"
REDIS_PROGRAM = "redis-server"
WELL_SECONDS = 300
"""A broker whose node was dead or cut off has its volume to read, and its members to catch up."""
PAUSED = "rabbitmq.com/pauseReconciliation"
"""The label by which the cluster operator leaves a RabbitmqCluster alone."""


@dataclass(frozen=True)
class Lab:
    """What can be broken, and who tells whether it is well."""

    shell: Shell
    scans: Scans
    broker: Broker

    def broker_processes(self) -> list[int]:
        return running(BROKER_PROGRAM, self._uid("rabbitmq", f"{BROKER_PODS}-0"))

    def redis_processes(self) -> list[int]:
        return running(REDIS_PROGRAM, self._uid("redis", "redis-0"))

    @contextmanager
    def without_broker(self) -> Iterator[None]:
        """No broker at all within the block: its StatefulSet is scaled down, and its operator told to leave it so."""
        try:
            self.shell.kubectl("label", "rabbitmqcluster", BROKER, "--namespace=rabbitmq", f"{PAUSED}=true")
            self._scale("rabbitmq", f"statefulset/{BROKER_PODS}", 0)
            kill(in_control_group(self._uid("rabbitmq", f"{BROKER_PODS}-0")))
            wait_for("the broker to be away", lambda: not self.broker_answers())
            yield
        finally:
            self._scale("rabbitmq", f"statefulset/{BROKER_PODS}", 1)
            self.shell.kubectl("label", "rabbitmqcluster", BROKER, "--namespace=rabbitmq", f"{PAUSED}-")
            self.wait_until_well()

    @contextmanager
    def well_afterwards(self) -> Iterator[None]:
        """Whatever the block does, later tests find a lab that works."""
        try:
            yield
        finally:
            self.wait_until_well()

    def wait_until_well(self) -> None:
        """Until Redis and every broker answer, all pods are ready, and whoever consumes or listens does so."""
        wait_for("the API to reach Redis", lambda: self.scans.http.get("/readyz").status_code == 200, 120)
        wait_for("the broker to answer", self.broker_answers, 120)
        wait_for("all pods to be ready", lambda: not self.unready(), WELL_SECONDS)
        wait_for("a member of every queue on every broker", self._is_replicated, WELL_SECONDS)
        wait_for("consumers on every queue", self._is_consumed, 120)
        wait_for("a queue for each listener", self._is_listened_to, 120)

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        """No Redis at all within the block; it comes back with its volume."""
        try:
            self._scale("redis", "statefulset/redis", 0)
            wait_for("Redis to be away", lambda: not self.shell.get("pods", "--namespace=redis")["items"])
            yield
        finally:
            self._scale("redis", "statefulset/redis", 1)
            self.wait_until_well()

    @contextmanager
    def redis_filled_to(self, share: float) -> Iterator[None]:
        """Redis' bound is so low within the block that what it holds is this share of it. Above 1: out of memory."""
        store = self.redis()
        before = str(store.config_get("maxmemory")["maxmemory"])
        try:
            store.config_set("maxmemory", int(store.info("memory")["used_memory"] / share))
            yield
        finally:
            store.config_set("maxmemory", before)

    @contextmanager
    def without_workers(self) -> Iterator[None]:
        """No worker within the block: messages wait in their queues."""
        before = len(self.shell.pods("scan", WORKER))
        try:
            self._scale("scan", f"deployment/{WORKER}", 0)
            # One that was about to start consumes nothing yet, and still takes a message before it goes.
            wait_for("the workers to be gone", lambda: not self.shell.all_pods("scan", WORKER))
            yield
        finally:
            self._scale("scan", f"deployment/{WORKER}", before)
            self.wait_until_well()

    @contextmanager
    def without(self, namespace: str, deployment: str) -> Iterator[None]:
        """No pod of a Deployment within the block."""
        before = self.shell.get("deployment", deployment, f"--namespace={namespace}")["spec"]["replicas"]
        try:
            self._scale(namespace, f"deployment/{deployment}", 0)
            wait_for(f"{deployment} to be gone", lambda: not self.shell.all_pods(namespace, deployment))
            yield
        finally:
            self._scale(namespace, f"deployment/{deployment}", before)

    @contextmanager
    def env(self, *deployments: str, **values: str) -> Iterator[None]:
        """The pods of these Deployments run with other values of these variables within the block."""
        before = {deployment: self._env(deployment) for deployment in deployments}
        try:
            self._set_env(dict.fromkeys(deployments, values))
            yield
        finally:
            self._set_env({one: {name: had.get(name) for name in values} for one, had in before.items()})

    def _env(self, deployment: str) -> dict[str, str]:
        pod = self.shell.get("deployment", deployment, "--namespace=scan")["spec"]["template"]["spec"]
        [container] = pod["containers"]
        return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}

    def _set_env(self, wanted: Mapping[str, Mapping[str, str | None]]) -> None:
        """Of each Deployment; None takes a variable away."""
        for deployment, values in wanted.items():
            words = [f"{name}-" if value is None else f"{name}={value}" for name, value in values.items()]
            self.shell.kubectl("set", "env", f"deployment/{deployment}", "--namespace=scan", *words)
        for deployment in wanted:
            self._wait_for_pods(deployment)

    @contextmanager
    def crashed_pods_replaced(self) -> Iterator[None]:
        """Pods that kubelet lets wait after a crash are deleted within the block: new ones start at once.

        A broker that is killed crashes once more while it starts: https://github.com/rabbitmq/rabbitmq-server/issues/13352
        """
        done = threading.Event()
        replacing = threading.Thread(target=self._replace_crashed, args=(done,))
        replacing.start()
        try:
            with self.well_afterwards():
                yield
        finally:
            done.set()
            replacing.join()

    def _replace_crashed(self, done: threading.Event) -> None:
        while not done.wait(1.0):
            for pod in self.shell.get("pods", "--all-namespaces")["items"]:
                states = [item["state"] for item in pod["status"].get("containerStatuses", [])]
                if any(state.get("waiting", {}).get("reason") == "CrashLoopBackOff" for state in states):
                    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
                    self.shell.kubectl("delete", "pod", name, f"--namespace={namespace}", "--grace-period=0", "--force")

    def restarts(self, component: str) -> int:
        """How often containers of this component have been started again."""
        statuses = [item for pod in self.shell.pods("scan", component) for item in pod["status"]["containerStatuses"]]
        return sum(item["restartCount"] for item in statuses)

    def cut_off(self, service: str) -> None:
        """The broker closes all connections of a service; its messages in hand are delivered again."""
        [namespace] = [one.namespace for one in topology.SERVICES if one.name == service]
        user = self.shell.secret(namespace, f"{service}-user-credentials")["username"]
        self._rabbitmqctl("close_all_user_connections", user, "a test")

    def logs(self, component: str) -> str:
        """What its pods have said so far."""
        names = [pod["metadata"]["name"] for pod in self.shell.pods("scan", component)]
        return "".join(self.shell.kubectl("logs", name, "--namespace=scan") for name in names)

    @contextmanager
    def disk_alarm(self) -> Iterator[None]:
        """The broker takes no message within the block: it believes that its disk is nearly full."""
        # The management API's figure is some seconds old: it may be that of an alarm before.
        limit = self._rabbitmqctl("eval", "rabbit_disk_monitor:get_disk_free_limit().").strip()
        try:
            self._rabbitmqctl("set_disk_free_limit", "100000GB")
            yield
        finally:
            self._rabbitmqctl("set_disk_free_limit", limit)

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """The broker takes no message within the block: it believes that its memory is nearly full."""
        share = self._rabbitmqctl("eval", "vm_memory_monitor:get_vm_memory_high_watermark().").strip()
        try:
            self._rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1MB")
            yield
        finally:
            self._rabbitmqctl("set_vm_memory_high_watermark", share)

    def _rabbitmqctl(self, *words: str) -> str:
        pod = f"{BROKER_PODS}-0"
        return self.shell.kubectl("exec", pod, "--namespace=rabbitmq", "--", "rabbitmqctl", "--quiet", *words)

    @contextmanager
    def api_pods(self, count: int) -> Iterator[list[Json]]:
        """So many API pods within the block, all ready."""
        before = len(self.shell.pods("scan", API))
        try:
            self._scale_api(count)
            yield self.shell.ready_pods("scan", API)
        finally:
            self._scale_api(before)

    def _scale_api(self, replicas: int) -> None:
        self._scale("scan", f"deployment/{API}", replicas)
        self._wait_for_pods(API)

    def _scale(self, namespace: str, workload: str, replicas: int) -> None:
        self.shell.kubectl("scale", workload, f"--namespace={namespace}", f"--replicas={replicas}")

    def _wait_for_pods(self, component: str) -> None:
        """Until all its pods are new and ready, and those that go are gone: they would still answer and relay."""

        def are_there() -> bool:
            pods = self.shell.all_pods("scan", component)
            return component not in self.unready() and not any("deletionTimestamp" in pod["metadata"] for pod in pods)

        wait_for(f"the pods of {component}", are_there, 120)

    def broker_answers(self) -> bool:
        try:
            return self.broker.http.get("/api/overview", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _is_replicated(self) -> bool:
        replicas = self.shell.get("rabbitmqcluster", BROKER, "--namespace=rabbitmq")["spec"]["replicas"]
        queues = [queue for queue in self.broker.in_vhost("queues") if queue["type"] == "quorum"]
        return bool(queues) and all(len(queue.get("online", ())) == replicas for queue in queues)

    def _is_listened_to(self) -> bool:
        return listeners(self.broker.in_vhost("queues")) == wanted_listeners(self.shell)

    def _is_consumed(self) -> bool:
        tasks = {task.queue for task in topology.TASKS}
        return self._consumed() >= tasks | {topology.SAVE_OWNERSHIP, topology.SAVE_CHARACTER}

    def _consumed(self) -> set[str]:
        return {item["queue"]["name"] for item in self.broker.in_vhost("consumers")}

    def unready(self) -> list[str]:
        """Deployments and StatefulSets that have not the pods that they should have."""
        items = self.shell.get("deployments,statefulsets", "--all-namespaces")["items"]
        return [item["metadata"]["name"] for item in items if not _is_ready(item)]

    def messages_in(self, queue: str) -> int:
        """All messages that the queue holds at this moment; the management API's figure may be seconds old."""
        command = ("list_queues", f"--vhost={topology.VHOST}", "name", "messages", "--formatter=json")
        listed = self._rabbitmqctl(*command)
        return {item["name"]: int(item["messages"]) for item in json.loads(listed)}[queue]

    def outbox_entries(self) -> float:
        """What the API's metric says: how many scans wait for the broker."""
        lines = self.scans.http.get("/metrics").text.splitlines()
        [value] = [line.split()[1] for line in lines if line.startswith("scan_outbox_entries ")]
        return float(value)

    def redis(self) -> redis.Redis:
        """A client with all rights, for what only Redis itself can tell or set."""
        password = self.shell.secret("redis", "redis")["password"]
        address = self.shell.cluster_ip("redis", "redis")
        return redis.Redis(host=address, password=password, socket_timeout=10, decode_responses=True)

    def _uid(self, namespace: str, pod: str) -> str:
        return str(self.shell.get("pod", pod, f"--namespace={namespace}")["metadata"]["uid"])


def _is_ready(item: Json) -> bool:
    wanted = item["spec"]["replicas"]
    status = item["status"]
    return status.get("observedGeneration") == item["metadata"]["generation"] and all(
        status.get(count, 0) == wanted for count in ("replicas", "readyReplicas", "updatedReplicas")
    )
