import pytest

from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.waiting import READY, NotReady, Seen, timeout_seconds

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n", "uid": "1"}}
NOT_YET = Seen(message="not yet")


def no_reason(_obj):
    return []


def test_the_object_is_returned_as_it_was_when_ready(cluster, wait):
    cluster.add(POD | {"status": {"phase": "Running"}})
    assert wait.until_ready(POD, lambda _: READY, no_reason, no_reason)["status"] == {"phase": "Running"}


def test_out_of_time_the_error_says_what_was_seen_and_why(cluster, wait):
    cluster.add(POD)
    with pytest.raises(NotReady) as caught:
        wait.until_ready(POD, lambda _: NOT_YET, no_reason, lambda _: ["image missing"])
    assert caught.value.reasons == ["Pod n/p was not ready within 0 s; last seen: not yet", "image missing"]
    assert caught.value.obj == POD, "the state must keep the object"


def test_what_has_failed_is_not_waited_for(cluster, wait):
    cluster.add(POD)
    wait.seconds = 1000
    with pytest.raises(NotReady, match="Pod n/p failed: too late"):
        wait.until_ready(POD, lambda _: Seen(message="too late", failed=True), no_reason, no_reason)


def test_a_cancel_ends_the_wait(cluster, wait):
    cluster.add(POD)
    wait.cancelled.set()
    with pytest.raises(NotReady, match="cancelled"):
        wait.until_ready(POD, lambda _: NOT_YET, no_reason, no_reason)


def test_an_object_that_vanishes_is_not_waited_for(wait):
    with pytest.raises(NotReady, match="deleted while"):
        wait.until_ready(POD, lambda _: NOT_YET, no_reason, no_reason)


@pytest.mark.parametrize("trouble", [Unreachable("gone"), ApiError(503, {}), ApiError(429, {})])
def test_a_passing_trouble_of_the_server_is_endured(cluster, wait, trouble, monkeypatch):
    answers = [trouble]
    monkeypatch.setattr(cluster, "find", lambda _obj: _raise(answers.pop()) if answers else POD)
    wait.seconds = 10
    assert wait.until_ready(POD, lambda _: READY, no_reason, no_reason) == POD


def _raise(error):
    raise error


def test_a_refusal_of_the_server_is_not_endured(cluster, wait, monkeypatch):
    monkeypatch.setattr(cluster, "find", lambda _obj: _raise(ApiError(403, {"message": "no"})))
    with pytest.raises(ApiError, match="no"):
        wait.until_ready(POD, lambda _: READY, no_reason, no_reason)


def test_nothing_is_said_twice(cluster, wait, log):
    cluster.add(POD)
    with pytest.raises(NotReady):
        wait.until_ready(POD, lambda _: NOT_YET, no_reason, no_reason)
    assert log.texts == ["not yet"]


def test_gone_means_this_object_not_its_successor(cluster, wait):
    cluster.add(POD | {"metadata": POD["metadata"] | {"uid": "2"}})
    wait.until_gone(POD, "1")


def test_what_holds_a_deletion_is_named(cluster, wait):
    cluster.add(POD | {"metadata": POD["metadata"] | {"finalizers": ["example/hold"]}})
    with pytest.raises(NotReady, match="it is held by finalizer example/hold"):
        wait.until_gone(POD, "1")


def test_a_namespace_says_itself_what_is_left_in_it(cluster, wait):
    left = {"type": "NamespaceContentRemaining", "status": "True", "message": "queues.rabbitmq.com has 2 instances"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, "status": {"conditions": [left]}}
    cluster.add(namespace)
    with pytest.raises(NotReady, match="has 2 instances"):
        wait.until_gone(namespace, "")


def test_the_timeout_is_the_resources_then_the_annotations_then_ten_minutes():
    annotated = {"metadata": {"annotations": {"pulumi.com/timeoutSeconds": "5"}}}
    assert timeout_seconds(3, annotated) == 3
    assert timeout_seconds(0, annotated) == 5
    assert timeout_seconds(0, {}) == 600
