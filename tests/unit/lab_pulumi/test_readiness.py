import pytest

from lab.pulumi.kubernetes import readiness


def workload(spec, status, generation=2):
    return {"metadata": {"generation": generation}, "spec": spec, "status": {"observedGeneration": 2} | status}


DONE = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("spec", "status", "ready"),
    [
        ({"replicas": 2}, DONE, True),
        ({"replicas": 2}, DONE | {"updatedReplicas": 1}, False),
        ({"replicas": 2}, DONE | {"availableReplicas": 1}, False),
        ({"replicas": 2}, DONE | {"replicas": 3}, False),
        ({"replicas": 0}, {}, True),
        ({}, {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, True),
    ],
    ids=["rolled out", "old template", "not available", "old pods left", "scaled to none", "one by default"],
)
def test_a_deployment_is_ready_when_all_its_pods_are_new_and_available(spec, status, ready):
    assert readiness.deployment(workload(spec, status)).ready is ready


def test_the_status_of_an_older_generation_is_not_believed():
    stale = workload({"replicas": 2}, DONE, generation=3)
    assert not readiness.deployment(stale).ready, "the rollout would be reported done before it began"
    assert not readiness.stateful_set(stale).ready
    assert not readiness.daemon_set(stale).ready


def test_old_pods_do_not_count_as_progress():
    rolling = workload({"replicas": 1}, {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1})
    assert "(0/1 Pods available)" in readiness.deployment(rolling).message


def test_a_deployment_beyond_its_deadline_has_failed():
    condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "has timed out progressing"}
    seen = readiness.deployment(workload({"replicas": 1}, {"conditions": [condition]}))
    assert seen.failed
    assert seen.message == "has timed out progressing"


SET = {
    "replicas": 2,
    "readyReplicas": 2,
    "currentReplicas": 2,
    "currentRevision": "a",
    "updateRevision": "a",
}


@pytest.mark.parametrize(
    ("spec", "status", "ready"),
    [
        ({"replicas": 2}, SET, True),
        ({"replicas": 2}, SET | {"readyReplicas": 1}, False),
        ({"replicas": 2}, SET | {"updateRevision": "b"}, False),
        ({"replicas": 2, "updateStrategy": {"type": "OnDelete"}}, SET | {"updateRevision": "b"}, True),
    ],
    ids=["rolled out", "not ready", "old revision", "renewed by hand"],
)
def test_a_stateful_set_is_ready_when_every_pod_has_the_newest_revision(spec, status, ready):
    assert readiness.stateful_set(workload(spec, status)).ready is ready


def test_a_daemon_set_is_ready_when_every_wanted_node_has_its_pod():
    counts = {"currentNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3, "numberReady": 3}
    assert readiness.daemon_set(workload({}, counts | {"desiredNumberScheduled": 3})).ready
    assert not readiness.daemon_set(workload({}, counts | {"desiredNumberScheduled": 4})).ready


def test_a_job_is_ready_when_complete_and_failed_when_it_says_so():
    complete = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
    assert readiness.job(complete).ready
    assert readiness.job({"status": {"conditions": [failed]}}).message == "BackoffLimitExceeded: too often"
    assert readiness.job({"status": {"startTime": "now", "active": 1}}).message.endswith("failed 0)")


def slice_of(*readies):
    endpoints = [{"conditions": {"ready": ready}} for ready in readies]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s", "namespace": "n"},
        "endpoints": endpoints,
    }


SERVICE = {"metadata": {"name": "web", "namespace": "n"}, "spec": {"selector": {"app": "web"}, "clusterIP": "10.0.0.1"}}


@pytest.mark.parametrize(
    ("readies", "ready"),
    [([True], True), ([True, False], False), ([False], False), ([], False)],
    ids=["ready", "one is not", "none is", "none there yet"],
)
def test_a_service_is_ready_when_none_of_its_pods_is_unready(cluster, readies, ready):
    cluster.add(slice_of(*readies))
    assert readiness.ServiceLook(cluster)(SERVICE).ready is ready


def test_a_service_that_selects_no_pod_is_ready_after_a_moment(cluster):
    assert readiness.ServiceLook(cluster, since=float("-inf"))(SERVICE).ready, "an update could never end"


@pytest.mark.parametrize("spec", [{"clusterIP": "None", "selector": {"a": "b"}}, {"type": "ExternalName"}, {}])
def test_services_without_endpoints_of_their_own_are_ready_at_once(cluster, spec):
    assert readiness.ServiceLook(cluster)({"metadata": {}, "spec": spec}).ready


def test_a_load_balancer_is_ready_with_its_address(cluster):
    balanced = {"metadata": {}, "spec": {"type": "LoadBalancer"}, "status": {}}
    assert not readiness.ServiceLook(cluster)(balanced).ready
    balanced["status"] = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}
    assert readiness.ServiceLook(cluster)(balanced).ready


@pytest.mark.parametrize(
    ("phase", "mode", "ready"),
    [
        ("Bound", "Immediate", True),
        ("Pending", "WaitForFirstConsumer", True),
        ("Pending", "Immediate", False),
    ],
)
def test_a_claim_is_not_waited_for_when_its_class_waits_for_a_pod(cluster, phase, mode, ready):
    cluster.add(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "gp3"},
            "volumeBindingMode": mode,
        }
    )
    claim = {"spec": {"storageClassName": "gp3"}, "status": {"phase": phase}}
    assert readiness.ClaimLook(cluster)(claim).ready is ready


def test_a_definition_is_ready_when_established_and_failed_when_its_names_are_taken():
    established = {"status": {"conditions": [{"type": "Established", "status": "True"}]}}
    refused = {"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}}
    assert readiness.custom_resource_definition(established).ready
    assert readiness.custom_resource_definition(refused).failed


def test_kinds_without_a_rule_are_not_waited_for(cluster):
    assert readiness.look_for({"apiVersion": "rabbitmq.com/v1beta1", "kind": "Queue"}, cluster) is None
    assert readiness.look_for({"apiVersion": "serving.example/v1", "kind": "Service"}, cluster) is None
