import json

import pytest

from lab.errors import LabError
from lab.render.plan import UNKNOWN, errors, parsed, unknowns
from tests.unit.conftest import SECRET, SPECIAL

PLANNED = {
    "goal": {
        "type": "kubernetes:core/v1:Service",
        "parent": "urn::stack",
        "dependencies": ["urn::b"],
        "propertyDependencies": {"spec": ["urn::c"], "metadata": None},
        "protect": True,
        "inputDiff": {
            "adds": {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "a", "namespace": "n"},
                "spec": {"token": {SPECIAL: SECRET, "plaintext": '{"a": ["b"]}'}},
            }
        },
    },
}


def test_what_is_planned_needs_what_its_properties_need() -> None:
    (found,) = parsed(json.dumps({"resourcePlans": {"urn::a": PLANNED}}))
    assert found.needs == {"urn::b", "urn::c"}
    assert (found.title, found.protected, found.parent) == ("Service n/a", True, "urn::stack")


def test_what_is_secret_can_be_read() -> None:
    (found,) = parsed(json.dumps({"resourcePlans": {"urn::a": PLANNED}}))
    assert found.inputs["spec"] == {"token": {"a": ["b"]}}


def test_what_is_no_plan_is_refused_with_its_beginning() -> None:
    with pytest.raises(LabError, match="error: no stack"):
        parsed("error: no stack")


def test_a_failed_preview_says_why_in_its_diagnostics() -> None:
    output = {
        "diagnostics": [
            {"severity": "warning", "message": "old"},
            {"severity": "error", "message": "error: no image\n"},
        ]
    }
    assert errors(json.dumps(output)) == "no image"
    assert errors("panic") == ""


def test_unknown_values_are_found_in_lists_and_within_texts() -> None:
    inputs = {"a": [{"b": UNKNOWN}, "x"], "c": f"http://{UNKNOWN}/", "d": 1}
    assert list(unknowns(inputs)) == [("a", 0, "b"), ("c",)]
