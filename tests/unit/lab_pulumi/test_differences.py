import pytest

from lab.pulumi.kubernetes.differences import (
    Change,
    Difference,
    differences,
    parse_path,
    property_path,
    same,
    touches,
    without_ignored,
    without_mere_spelling,
)
from lab.pulumi.kubernetes.values import UNKNOWN


def changes(old, new):
    return {property_path(item.path): item.change for item in differences(old, new)}


def test_each_change_is_found_at_its_own_property():
    old = {"spec": {"replicas": 1, "paused": True, "ports": [{"port": 80, "name": "http"}, {"port": 81}]}}
    new = {"spec": {"replicas": 2, "min": 5, "ports": [{"port": 8080, "name": "http"}]}}
    assert changes(old, new) == {
        "spec.replicas": Change.UPDATE,
        "spec.min": Change.ADD,
        "spec.paused": Change.DELETE,
        "spec.ports[0].port": Change.UPDATE,
        "spec.ports[1]": Change.DELETE,
    }


def test_null_means_absent():
    assert changes({"a": {}}, {"a": {"b": None}}) == {}
    assert changes({"a": {"b": 1}}, {"a": {"b": None}}) == {"a.b": Change.DELETE}


def test_a_value_that_is_not_known_yet_counts_as_changed():
    assert changes({"a": 1}, {"a": UNKNOWN, "b": UNKNOWN}) == {"a": Change.UPDATE, "b": Change.ADD}


def test_numbers_are_compared_by_value_and_not_with_booleans():
    assert same(1, 1.0)
    assert not same(1, True), "true would pass for 1"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("spec", "ports", 0, "port"), "spec.ports[0].port"),
        (("metadata", "labels", "app.kubernetes.io/name"), 'metadata.labels["app.kubernetes.io/name"]'),
        (("data", 'a"b', "c"), 'data["a\\"b"].c'),
        (("spec", "containers", "*", "image"), "spec.containers[*].image"),
    ],
)
def test_paths_are_written_as_pulumi_reads_them(path, written):
    assert parse_path(written) == path
    if "*" not in path:
        assert property_path(path) == written


def test_ignored_paths_take_everything_below_them_along():
    found = differences({"spec": {"replicas": 1, "a": {"b": 1}}}, {"spec": {"replicas": 2, "a": {"b": 2}}})
    assert [item.path for item in without_ignored(found, ["spec.replicas"])] == [("spec", "a", "b")]
    assert without_ignored(found, ["spec"]) == []


def test_another_spelling_of_the_same_quantity_is_no_change():
    found = differences({"cpu": "1", "memory": "1Gi"}, {"cpu": "1000m", "memory": "2Gi", "args": []})
    applied = {"cpu": "1", "memory": "2Gi"}
    assert [item.path for item in without_mere_spelling(found, applied)] == [("memory",)]


def test_a_removed_property_stays_a_change_whatever_the_server_fills_in():
    found = differences({"replicas": 1}, {})
    assert without_mere_spelling(found, {"replicas": 1}) == found


@pytest.mark.parametrize(
    ("path", "new", "touched"),
    [
        (("spec", "template", "spec", "image"), "x", True),
        (("spec",), {"template": {}}, True),
        (("spec",), {"replicas": 1}, False),
        (("spec", "replicas"), 1, False),
    ],
)
def test_a_rule_is_touched_below_its_path_and_by_a_value_that_holds_it(path, new, touched):
    assert touches(Difference(path, Change.ADD, new=new), parse_path("spec.template")) is touched


def test_a_rule_for_every_entry_is_touched_by_any_of_them():
    rule = parse_path("spec.containers[*].image")
    assert touches(Difference(("spec", "containers", 3, "image"), Change.UPDATE, new="x"), rule)
    assert touches(Difference(("spec", "containers"), Change.ADD, new=[{"name": "a"}, {"image": "x"}]), rule)
    assert not touches(Difference(("spec", "containers", 3, "name"), Change.UPDATE, new="x"), rule)
