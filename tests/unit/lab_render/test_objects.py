import pytest

from lab.errors import LabError
from lab.render.objects import KEPT, OPTIONS, WAVE, check_known, rendered
from lab.render.plan import UNKNOWN
from tests.unit.lab_render.conftest import Make


def test_pulumis_annotations_go_and_the_wave_comes(make: Make) -> None:
    annotations = {"pulumi.com/waitFor": "condition=Ready", "rabbitmq.com/x": "kept"}
    content = rendered(make("Queue", "q", metadata={"annotations": annotations}), 7)
    assert content["metadata"]["annotations"] == {"rabbitmq.com/x": "kept", WAVE: "7"}


def test_what_pulumi_protects_argo_cd_neither_prunes_nor_deletes(make: Make) -> None:
    assert rendered(make("Namespace", "n", protected=True), 0)["metadata"]["annotations"][OPTIONS] == KEPT
    assert OPTIONS not in rendered(make("Namespace", "n"), 0)["metadata"]["annotations"]


def test_an_annotation_that_only_an_update_knows_is_left_out(make: Make) -> None:
    template = {"metadata": {"annotations": {"eco2.dev/credentials": UNKNOWN}, "labels": {"a": "b"}}}
    pod = make("Deployment", "d", spec={"template": template})
    check_known([pod])
    assert rendered(pod, 0)["spec"] == {"template": {"metadata": {"labels": {"a": "b"}}}}


def test_any_other_such_value_is_named_with_the_setting_that_it_comes_from(make: Make) -> None:
    env = [{"name": "REDIS_HOST", "value": UNKNOWN}]
    store = make("", "redis", type_="aws:elasticache/replicationGroup:ReplicationGroup")
    pod = make("Deployment", "d", spec={"env": env}, by_property={"spec": frozenset({"urn::redis"})})
    with pytest.raises(LabError, match=r"REDIS_HOST of Deployment d \(from redis, .*elasticacheNodeType.*unset"):
        check_known([store, pod])


def test_the_path_of_such_a_value_is_told_where_it_has_no_name(make: Make) -> None:
    with pytest.raises(LabError, match=r"spec\.ports\.0\.port of Service s"):
        check_known([make("Service", "s", spec={"ports": [{"port": UNKNOWN}]})])


def test_what_is_in_a_secret_may_be_unknown_because_no_secret_is_rendered(make: Make) -> None:
    check_known([make("Secret", "s", data={"a": UNKNOWN})])
