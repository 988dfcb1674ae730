from dataclasses import replace

import pytest

from lab.pulumi.kubernetes import applying, checkpoint, operations
from lab.pulumi.kubernetes.applying import OperationError
from lab.pulumi.kubernetes.checkpoint import Checkpoint
from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.operations import InitFailed
from lab.pulumi.kubernetes.values import UNKNOWN, Secret

TOKEN = "kubernetes:core/v1:ConfigMap"
INPUTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": {"a": "1"}}
QUEUE_TOKEN = "kubernetes:rabbitmq.com/v1beta1:Queue"
QUEUE = {
    "apiVersion": "rabbitmq.com/v1beta1",
    "kind": "Queue",
    "metadata": {"name": "q", "namespace": "n", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
    "spec": {"type": "quorum"},
}
EXISTS = ApiError(409, {"reason": "AlreadyExists", "message": 'configmaps "c" already exists'})


def create(provider, inputs=INPUTS, token=TOKEN, **options):
    return operations.create(provider, "urn", token, inputs, **{"seconds": 0.01, "preview": False} | options)


def state_of(inputs):
    return checkpoint.build(Checkpoint(inputs, inputs, inputs["apiVersion"], "manager"), {})


def update(provider, state, inputs, **options):
    return operations.update(
        provider, "urn", state, inputs, **{"ignored": [], "seconds": 0.01, "preview": False} | options
    )


def delete(provider, obj):
    operations.delete(provider, "urn", TOKEN, "n/c", state_of(obj), seconds=0.01)


def test_a_created_object_is_remembered_by_namespace_and_name(provider):
    made = create(provider)
    assert made.id == "n/c"
    assert made.state["metadata"]["uid"] == "uid-of-c"
    assert made.state["__inputs"] == INPUTS
    assert made.state["__fieldManager"].startswith("pulumi-kubernetes-")


def test_what_exists_already_is_not_taken_over(provider, cluster):
    cluster.answers = [EXISTS]
    with pytest.raises(OperationError, match="exists already"):
        create(provider)


def test_taking_over_what_exists_can_be_allowed(provider, cluster):
    provider.settings = replace(provider.settings, upsert_existing=True)
    create(provider)
    assert cluster.calls[0][0] == "apply"


def test_a_namespace_that_comes_late_is_waited_for(provider, cluster, monkeypatch):
    monkeypatch.setattr(applying, "ARRIVAL_PAUSE_SECONDS", 0)
    cluster.answers = [ApiError(404, {"message": 'namespaces "n" not found', "details": {"kind": "namespaces"}})]
    assert create(provider).id == "n/c"


def test_a_kind_that_never_comes_is_named(provider, cluster, monkeypatch):
    monkeypatch.setattr(applying, "ARRIVAL_SECONDS", -1)
    cluster.discovery.missing = {"Queue"}
    with pytest.raises(OperationError, match=r"knows no Queue in rabbitmq.com/v1beta1"):
        create(provider, QUEUE, QUEUE_TOKEN)


def test_an_object_that_does_not_get_ready_is_remembered_all_the_same(provider):
    with pytest.raises(InitFailed) as caught:
        create(provider, QUEUE, QUEUE_TOKEN)
    assert caught.value.made.id == "n/q"
    assert caught.value.made.state["spec"] == {"type": "quorum"}
    assert "condition Ready" in caught.value.reasons[0]


def test_skipped_awaiting_does_not_even_look(provider):
    annotations = {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/skipAwait": "true"}
    inputs = QUEUE | {"metadata": {"name": "q", "namespace": "n", "annotations": annotations}}
    assert create(provider, inputs, QUEUE_TOKEN).id == "n/q"


def test_an_annotation_that_cannot_be_read_keeps_the_object_too(provider):
    inputs = QUEUE | {"metadata": QUEUE["metadata"] | {"annotations": {"pulumi.com/waitFor": "Ready"}}}
    with pytest.raises(InitFailed, match="must start with condition= or jsonpath="):
        create(provider, inputs, QUEUE_TOKEN)


@pytest.mark.parametrize("data", [{"a": UNKNOWN}, {"a": "1"}], ids=["unknown", "known"])
def test_a_preview_without_a_cluster_tells_the_inputs(offline, data):
    assert create(offline, INPUTS | {"data": data}, preview=True) is None


def test_without_a_cluster_nothing_is_created(offline):
    with pytest.raises(Unreachable, match="nobody answers"):
        create(offline)


def test_a_preview_asks_the_server_and_changes_nothing(provider, cluster):
    made = create(provider, preview=True)
    assert made.id == ""
    assert cluster.calls[0][2]["dry_run"] is True
    assert cluster.objects == {}


def test_a_preview_with_unknown_values_or_an_unknown_kind_does_not_ask(provider, cluster):
    cluster.discovery.missing = {"Queue"}
    assert create(provider, QUEUE, QUEUE_TOKEN, preview=True) is None
    assert create(provider, INPUTS | {"data": {"a": UNKNOWN}}, preview=True) is None
    assert cluster.calls == []


@pytest.mark.parametrize("answer", [EXISTS, ApiError(404, {}), ApiError(403, {})])
def test_a_preview_is_not_stopped_by_what_the_update_may_bring_about(provider, cluster, answer):
    cluster.answers = [answer]
    assert create(provider, preview=True) is None


def test_a_preview_shows_what_the_server_would_refuse(provider, cluster):
    cluster.answers = [ApiError(422, {"message": "data: Invalid value"})]
    with pytest.raises(OperationError, match="Invalid value"):
        create(provider, preview=True)


def test_an_update_applies_under_the_stored_manager(provider, cluster):
    cluster.add(INPUTS)
    update(provider, state_of(INPUTS), INPUTS | {"data": {"a": "2"}})
    verb, obj, options = cluster.calls[0]
    assert (verb, obj["data"], options["manager"], options["force"]) == ("apply", {"a": "2"}, "manager", False)


def test_a_conflict_names_field_manager_and_way_out(provider, cluster):
    cluster.add(INPUTS)
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl"', "field": ".spec.replicas"}
    cluster.answers = [ApiError(409, {"reason": "Conflict", "message": "1 conflict", "details": {"causes": [cause]}})]
    with pytest.raises(OperationError) as caught:
        update(provider, state_of(INPUTS), INPUTS)
    message = str(caught.value)
    assert '.spec.replicas: conflict with "kubectl"' in message
    assert 'pulumi.com/patchForce: "true"' in message


def test_patch_force_takes_fields_over(provider, cluster):
    cluster.add(INPUTS)
    forced = INPUTS | {"metadata": INPUTS["metadata"] | {"annotations": {"pulumi.com/patchForce": "true"}}}
    update(provider, state_of(INPUTS), forced)
    assert cluster.calls[0][2]["force"] is True


def test_an_update_of_what_is_gone_says_what_to_do(provider):
    with pytest.raises(OperationError, match="pulumi refresh"):
        update(provider, state_of(INPUTS), INPUTS)


def test_secrets_stay_marked_through_an_update(provider, cluster):
    cluster.add(INPUTS)
    made = update(provider, state_of(INPUTS), INPUTS | {"data": {"a": Secret("2")}})
    assert made.state["data"] == {"a": Secret("2")}
    assert made.state["__inputs"]["data"] == {"a": Secret("2")}


def test_a_refresh_takes_in_what_has_drifted(provider, cluster):
    cluster.add(INPUTS | {"data": {"a": "9", "b": "not ours"}})
    made = operations.read(provider, "urn", TOKEN, "n/c", state_of(INPUTS), INPUTS)
    assert made.inputs["data"] == {"a": "9"}
    assert made.state["data"] == {"a": "9", "b": "not ours"}
    assert made.state["__fieldManager"] == "manager"


def test_a_refresh_forgets_what_is_gone(provider):
    assert operations.read(provider, "urn", TOKEN, "n/c", state_of(INPUTS), INPUTS) is None


def test_an_import_needs_no_more_than_the_id(provider, cluster):
    cluster.add(INPUTS | {"status": {"x": 1}, "metadata": INPUTS["metadata"] | {"uid": "u", "generation": 1}})
    made = operations.read(provider, "urn", TOKEN, "n/c", {}, {})
    assert made.inputs == INPUTS


def test_a_refresh_reports_a_workload_that_is_not_ready(provider, cluster):
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "c", "namespace": "n"}, "status": {}}
    cluster.add(job)
    with pytest.raises(InitFailed, match="Job n/c is not ready") as caught:
        operations.read(provider, "urn", "kubernetes:batch/v1:Job", "n/c", state_of(job), job)
    assert caught.value.made.id == "n/c"


def test_a_refresh_without_a_cluster_fails_unless_told_to_forget(offline):
    with pytest.raises(OperationError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
        operations.read(offline, "urn", TOKEN, "n/c", state_of(INPUTS), INPUTS)
    offline.settings = replace(offline.settings, delete_unreachable=True)
    assert operations.read(offline, "urn", TOKEN, "n/c", state_of(INPUTS), INPUTS) is None
    delete(offline, INPUTS)


def test_a_deletion_takes_dependents_along(provider, cluster):
    cluster.add(INPUTS)
    delete(provider, INPUTS)
    assert cluster.calls[0][2]["propagation"] == "Foreground"
    assert cluster.objects == {}


def test_how_a_deletion_goes_on_to_dependents_can_be_chosen(provider, cluster):
    annotations = {"pulumi.com/deletionPropagationPolicy": "orphan"}
    delete(provider, cluster.add(INPUTS | {"metadata": INPUTS["metadata"] | {"annotations": annotations}}))
    assert cluster.calls[0][2]["propagation"] == "Orphan"


def test_deleting_what_is_gone_is_no_error(provider, cluster):
    cluster.answers = [ApiError(404, {})]
    delete(provider, INPUTS)


def test_a_patch_is_applied_over_and_given_up_again(provider, cluster):
    create(provider, INPUTS, TOKEN + "Patch")
    operations.delete(provider, "urn", TOKEN + "Patch", "n/c", state_of(INPUTS), seconds=0.01)
    assert [verb for verb, _, _ in cluster.calls] == ["apply", "apply"], "the object is not the patch's to delete"
    assert "data" not in cluster.calls[1][1]
