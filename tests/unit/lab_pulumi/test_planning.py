import pytest

from lab.pulumi.kubernetes import checkpoint, planning
from lab.pulumi.kubernetes.checkpoint import Checkpoint
from lab.pulumi.kubernetes.differences import property_path
from lab.pulumi.kubernetes.values import UNKNOWN, Secret

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
INPUTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": {"a": "1"}}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "n"},
    "spec": {"replicas": 1, "cpu": "1"},
}


def state_of(inputs, **live):
    return checkpoint.build(Checkpoint(inputs, inputs | live, inputs["apiVersion"], "manager"), {})


def paths(found):
    return [property_path(item.path) for item in found]


def test_a_namespaced_object_gets_the_providers_namespace(offline):
    offline.namespace = "scan"
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    assert planning.check(offline, CONFIG_MAP, "c", {}, inputs)["metadata"] == {"name": "c", "namespace": "scan"}


def test_a_cluster_wide_object_gets_none(offline):
    inputs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "scan"}}
    assert planning.check(offline, "kubernetes:core/v1:Namespace", "scan", {}, inputs) == inputs


def test_a_namespace_that_is_not_known_yet_is_not_overwritten(offline):
    inputs = INPUTS | {"metadata": {"name": "c", "namespace": UNKNOWN}}
    assert planning.check(offline, CONFIG_MAP, "c", {}, inputs) == inputs


def test_checked_inputs_keep_their_secrets(offline):
    inputs = INPUTS | {"data": {"a": Secret("1")}}
    assert planning.check(offline, CONFIG_MAP, "c", {}, inputs)["data"] == {"a": Secret("1")}


@pytest.mark.parametrize("missing", ["apiVersion", "kind"])
def test_an_object_without_its_kind_is_refused(offline, missing):
    inputs = {key: value for key, value in INPUTS.items() if key != missing}
    with pytest.raises(planning.InputError, match=f"{missing} is required"):
        planning.check(offline, CONFIG_MAP, "c", {}, inputs)


def test_the_same_inputs_change_nothing_and_ask_nobody(provider, cluster):
    state = state_of(WEB, status={"replicas": 1})
    assert planning.diff(provider, DEPLOYMENT, state, WEB).found == []
    assert cluster.calls == [], "a preview of hundreds of unchanged objects would take a request for each"


def test_drift_seen_by_a_refresh_is_a_change(offline):
    state = state_of(WEB, spec={"replicas": 3, "cpu": "1", "strategy": "filled in"})
    assert paths(planning.diff(offline, DEPLOYMENT, state, WEB).found) == ["spec.replicas"]


def test_the_server_is_asked_whether_a_change_is_more_than_spelling(provider, cluster, monkeypatch):
    monkeypatch.setattr(cluster, "apply", lambda *_args, **_options: WEB)
    plan = planning.diff(provider, DEPLOYMENT, state_of(WEB), WEB | {"spec": {"replicas": 1, "cpu": "1000m"}})
    assert plan.found == []


def test_custom_resources_are_compared_as_written(provider, cluster):
    queue = WEB | {"apiVersion": "rabbitmq.com/v1beta1", "kind": "Queue"}
    token = "kubernetes:rabbitmq.com/v1beta1:Queue"
    plan = planning.diff(provider, token, state_of(queue), queue | {"spec": {"replicas": 2, "cpu": "1"}})
    assert paths(plan.found) == ["spec.replicas"]
    assert cluster.calls == []


def test_a_named_object_is_deleted_before_its_replacement(offline):
    plan = planning.diff(offline, CONFIG_MAP, state_of(INPUTS), INPUTS | {"data": {"a": "2"}})
    assert paths(plan.replacing) == ["data.a"]
    assert plan.delete_first, "both cannot exist under one name"


def test_an_autonamed_object_is_deleted_after_its_replacement(offline):
    metadata = INPUTS["metadata"] | {"annotations": {"pulumi.com/autonamed": "true"}}
    named = INPUTS | {"metadata": metadata}
    plan = planning.diff(offline, CONFIG_MAP, state_of(named), named | {"data": {"a": "2"}})
    assert plan.replacing
    assert not plan.delete_first


def test_a_move_to_another_namespace_needs_no_deletion_first(offline):
    moved = INPUTS | {"metadata": {"name": "c", "namespace": "elsewhere"}}
    plan = planning.diff(offline, CONFIG_MAP, state_of(INPUTS), moved)
    assert paths(plan.replacing) == ["metadata.namespace"]
    assert not plan.delete_first


def test_ignored_changes_are_none(offline):
    changed = WEB | {"spec": {"replicas": 5, "cpu": "1"}}
    assert planning.diff(offline, DEPLOYMENT, state_of(WEB), changed, ["spec.replicas"]).found == []


def test_a_patch_never_replaces_what_it_is_for(offline):
    plan = planning.diff(offline, CONFIG_MAP + "Patch", state_of(INPUTS), INPUTS | {"data": {"a": "2"}})
    assert plan.found
    assert not plan.replacing


def test_a_secret_given_in_plain_text_is_compared_with_its_stored_form(offline):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}}
    state = state_of(secret | {"stringData": {"a": "A"}}, data={"a": "QQ=="})
    token = "kubernetes:core/v1:Secret"
    assert planning.diff(offline, token, state, secret | {"stringData": {"a": "A"}}).found == []
    changed = planning.diff(offline, token, state, secret | {"stringData": {"a": "B"}})
    assert paths(changed.found) == ["data.a"]


JOB = "kubernetes:batch/v1:Job"
MIGRATION = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j-1", "namespace": "n", "annotations": {"pulumi.com/replaceUnready": "true"}},
    "spec": {"template": {"metadata": {"labels": {"app": "j"}}, "spec": {"containers": [{"name": "j", "image": "1"}]}}},
}
FILLED_IN = {
    "suspend": False,
    "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
    "template": {
        "metadata": {"labels": {"app": "j", "batch.kubernetes.io/controller-uid": "u"}},
        "spec": {"containers": [{"name": "j", "image": "1", "terminationMessagePolicy": "File"}], "dnsPolicy": "x"},
    },
}


def job_that(condition):
    return {"spec": FILLED_IN, "status": {"conditions": [{"type": condition, "status": "True"}]}}


def test_a_finished_job_is_left_alone(provider, cluster):
    cluster.add(MIGRATION | job_that("Complete"))
    plan = planning.diff(provider, JOB, state_of(MIGRATION, **job_that("Complete")), MIGRATION)
    assert plan.found == [], "each update would run it again"


def test_a_failed_job_is_replaced_on_request(provider, cluster):
    cluster.add(MIGRATION | job_that("Failed"))
    plan = planning.diff(provider, JOB, state_of(MIGRATION, **job_that("Failed")), MIGRATION)
    assert paths(plan.replacing) == ['metadata.annotations["pulumi.com/replaceUnready"]']
    assert plan.delete_first


def test_a_failed_job_that_does_not_ask_for_it_is_not_replaced(provider, cluster):
    plain = MIGRATION | {"metadata": {"name": "j-1", "namespace": "n"}}
    cluster.add(plain | job_that("Failed"))
    assert planning.diff(provider, JOB, state_of(plain, **job_that("Failed")), plain).found == []


def test_a_job_of_a_new_name_runs_before_the_old_one_is_deleted(provider, cluster):
    cluster.add(MIGRATION | job_that("Complete"))
    renamed = MIGRATION | {"metadata": MIGRATION["metadata"] | {"name": "j-2"}}
    plan = planning.diff(provider, JOB, state_of(MIGRATION, **job_that("Complete")), renamed)
    assert paths(plan.replacing) == ["metadata.name"]
    assert not plan.delete_first
