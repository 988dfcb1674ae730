import pytest

from lab.pulumi.kubernetes import jsonpath, wait_for

READY_CONDITION = {"type": "Ready", "status": "True"}


def obj(*conditions, generation=1, **status):
    return {"metadata": {"generation": generation}, "status": {"conditions": list(conditions)} | status}


def ready(annotation, value):
    return wait_for.parse(annotation)(value).ready


def test_a_condition_is_met_by_its_status_whatever_the_case():
    assert ready("condition=ready", obj(READY_CONDITION))
    assert ready("condition=Ready=false", obj({"type": "Ready", "status": "False"}))
    assert not ready("condition=Ready=False", obj(READY_CONDITION))
    assert not ready("condition=Other", obj(READY_CONDITION))


def test_a_condition_of_an_older_generation_does_not_count():
    assert not ready("condition=Ready", obj(READY_CONDITION, generation=2, observedGeneration=1))
    assert not ready("condition=Ready", obj(READY_CONDITION | {"observedGeneration": 1}, generation=2))
    assert ready("condition=Ready", obj(READY_CONDITION, generation=2)), "not every controller tells what it has seen"


def test_what_is_waited_for_is_told_with_the_controllers_own_words():
    failing = {"type": "Ready", "status": "False", "reason": "FailedCreateOrUpdate", "message": "vhost is missing"}
    message = wait_for.parse("condition=Ready")(obj(failing)).message
    assert "FailedCreateOrUpdate: vhost is missing" in message


def test_a_path_is_met_by_its_value_or_by_being_there():
    value = obj(phase="Running", count=3, done=True)
    assert ready("jsonpath={.status.phase}=Running", value)
    assert ready("jsonpath={.status.count}=3", value)
    assert ready("jsonpath={.status.done}=true", value)
    assert ready("jsonpath={ .status.phase }", value)
    assert not ready("jsonpath={.status.phase}=Ready", value)
    assert not ready("jsonpath={.status.missing}", value)


def test_a_path_to_more_than_one_value_cannot_be_compared():
    seen = wait_for.parse("jsonpath={.status.conditions}=x")(obj(READY_CONDITION))
    assert seen.failed, "it would be waited for until the time is out"


def test_of_several_all_must_hold():
    both = '["condition=Ready", "jsonpath={.status.phase}=Running"]'
    assert ready(both, obj(READY_CONDITION, phase="Running"))
    assert not ready(both, obj(READY_CONDITION, phase="Starting"))


@pytest.mark.parametrize(
    "annotation",
    ["Ready", "condition=", "[]", "jsonpath=.status.phase=x", "jsonpath={.a}=", "jsonpath={.a[?(1)]}"],
)
def test_an_annotation_that_cannot_be_read_is_refused(annotation):
    with pytest.raises(wait_for.WaitForError):
        wait_for.parse(annotation)


CONDITIONS = {"conditions": [{"type": "A", "status": "False", "n": 1}, {"type": "B", "status": "True", "n": 2}]}


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$.conditions[0].type", ["A"]),
        (".conditions[-1].type", ["B"]),
        (".conditions[*].n", [1, 2]),
        (".conditions.*.n", [1, 2]),
        ("['conditions'][1]['type']", ["B"]),
        (".conditions[?(@.type=='B')].status", ["True"]),
        ('.conditions[?(@.type == "A" || @.type == "B")].n', [1, 2]),
        (".conditions[?(@.n==2 && @.status!='False')].type", ["B"]),
        (".conditions[?(@['type']=='A')].n", [1]),
        (".conditions[?(@.missing)]", []),
        (".conditions[5]", []),
        (".nothing.at.all", []),
    ],
)
def test_paths_select_as_the_standard_says(path, selected):
    assert jsonpath.parse(path).select(CONDITIONS) == selected


def test_an_expression_beyond_what_is_understood_is_named():
    with pytest.raises(jsonpath.PathError, match="size"):
        jsonpath.parse(".conditions[?(@.n > size())]")
