import pytest

from lab.pulumi.kubernetes.client import Unreachable
from lab.pulumi.kubernetes.reasons import Reasons

REVISION = "deployment.kubernetes.io/revision"


def made(api_version, kind, name, owner="", **more):
    metadata = {"name": name, "namespace": "n", "uid": f"uid-{name}"} | more.pop("metadata", {})
    if owner:
        metadata["ownerReferences"] = [{"uid": f"uid-{owner}"}]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata} | more


def pod(*containers, owner="set", name="pod", metadata=None, **status):
    return made(
        "v1",
        "Pod",
        name,
        owner,
        metadata=metadata or {},
        status={"phase": "Pending", "containerStatuses": list(containers)} | status,
    )


def container(**state):
    return {"name": "app", "ready": False, "restartCount": 3} | state


@pytest.fixture
def stateful_set(cluster):
    return cluster.add(made("apps/v1", "StatefulSet", "set"))


def test_a_missing_image_is_told_in_the_kubelets_words(cluster, stateful_set):
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x": not found'}
    cluster.add(pod(container(state={"waiting": waiting})))
    assert Reasons(cluster).of(stateful_set) == [
        'pod n/pod, container app: ImagePullBackOff: Back-off pulling image "x": not found'
    ]


CRASHED = container(
    state={"waiting": {"reason": "CrashLoopBackOff"}},
    lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
)


def test_a_crash_is_told_with_its_last_lines(cluster, stateful_set):
    cluster.add(pod(CRASHED))
    cluster.logs["app"] = "connecting\nValueError: no broker\n"
    (reason,) = Reasons(cluster, logs=True).of(stateful_set)
    assert reason.splitlines() == [
        "pod n/pod, container app crashed (Error, exit code 1, restarted 3 times)",
        "      | connecting",
        "      | ValueError: no broker",
    ]


def test_a_failed_job_is_told_with_the_last_lines_of_its_pod(cluster):
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-migration"}}
    job = cluster.add(made("batch/v1", "Job", "migration", spec={"selector": selector}))
    ended = container(state={"terminated": {"exitCode": 1, "reason": "Error"}}, restartCount=0)
    cluster.add(pod(ended, owner="migration", phase="Failed", metadata={"labels": selector["matchLabels"]}))
    cluster.logs["app"] = "the database is not migrated: no password supplied\n"
    (reason,) = Reasons(cluster, logs=True).of(job)
    assert reason.endswith("| the database is not migrated: no password supplied")


def test_logs_are_only_fetched_when_asked_for(cluster, stateful_set):
    cluster.add(pod(CRASHED))
    (reason,) = Reasons(cluster).of(stateful_set)
    assert "\n" not in reason


def test_an_init_container_can_be_the_reason(cluster, stateful_set):
    cluster.add(pod(initContainerStatuses=[container(state={"terminated": {"exitCode": 2, "reason": "Error"}})]))
    assert "exit code 2" in Reasons(cluster).of(stateful_set)[0]


def test_a_pod_without_a_node_says_why(cluster, stateful_set):
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/4 nodes"}
    cluster.add(pod(conditions=[unscheduled]))
    assert Reasons(cluster).of(stateful_set) == ["pod n/pod is not scheduled: Unschedulable: 0/4 nodes"]


def event(about, reason, message, when="1"):
    name = f"{about}-{when}"
    return made(
        "v1",
        "Event",
        name,
        involvedObject={"uid": f"uid-{about}"},
        reason=reason,
        message=message,
        lastTimestamp=when,
    )


def test_a_probe_that_fails_is_found_in_the_pods_newest_event(cluster, stateful_set):
    cluster.add(pod({"name": "app", "ready": False, "state": {"running": {}}}, phase="Running"))
    cluster.add(event("pod", "Unhealthy", "Readiness probe failed: HTTP 503", when="2"))
    cluster.add(event("pod", "FailedMount", "no such secret", when="1"))
    cluster.add(event("pod", "Killing", "no news", when="3"))
    assert Reasons(cluster).of(stateful_set) == ["pod n/pod: Unhealthy: Readiness probe failed: HTTP 503"]


def test_pods_that_may_not_be_created_are_told_by_their_owner(cluster, stateful_set):
    cluster.add(event("set", "FailedCreate", "violates PodSecurity"))
    assert Reasons(cluster).of(stateful_set) == ["statefulset n/set: FailedCreate: violates PodSecurity"]


def test_a_deployments_old_pods_are_not_asked(cluster):
    deployment = cluster.add(made("apps/v1", "Deployment", "web", metadata={"annotations": {REVISION: "2"}}))
    for revision in ("1", "2"):
        cluster.add(
            made("apps/v1", "ReplicaSet", f"web-{revision}", "web", metadata={"annotations": {REVISION: revision}})
        )
        waiting = {"reason": "ErrImagePull", "message": f"image {revision}"}
        cluster.add(pod(container(state={"waiting": waiting}), owner=f"web-{revision}", name=f"pod-{revision}"))
    assert Reasons(cluster).of(deployment) == ["pod n/pod-2, container app: ErrImagePull: image 2"]


def test_a_custom_resource_is_asked_for_the_workloads_it_owns(cluster):
    broker = cluster.add(made("rabbitmq.com/v1beta1", "RabbitmqCluster", "eco2"))
    cluster.add(made("apps/v1", "StatefulSet", "set", "eco2", spec={"replicas": 1}, status={}))
    cluster.add(pod(CRASHED))
    assert "crashed" in Reasons(cluster).of(broker)[0]


def test_ready_pods_and_containers_that_just_start_are_no_reason(cluster, stateful_set):
    cluster.add(pod(name="good", conditions=[{"type": "Ready", "status": "True"}]))
    cluster.add(pod(container(state={"waiting": {"reason": "ContainerCreating"}}), name="new"))
    assert Reasons(cluster).of(stateful_set) == []


def test_the_same_words_are_said_once_and_not_too_many(cluster, stateful_set):
    for number in range(9):
        waiting = {"reason": "ErrImagePull", "message": "same"}
        cluster.add(pod(container(state={"waiting": waiting}), name=f"pod-{number}"))
    assert len(Reasons(cluster).of(stateful_set)) == 5


def test_a_look_that_fails_does_not_hide_the_error_it_was_for(cluster, stateful_set, monkeypatch):
    def unreachable(*_args, **_query):
        raise Unreachable("no answer")

    monkeypatch.setattr(cluster, "list", unreachable)
    assert Reasons(cluster).of(stateful_set) == ["its Pods could not be looked at: no answer"]
