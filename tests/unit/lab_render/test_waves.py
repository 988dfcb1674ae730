from lab.render.waves import waves
from tests.unit.lab_render.conftest import Make

DEFINITION = {"group": "rabbitmq.com", "names": {"kind": "Queue"}}


def test_an_object_comes_a_wave_after_what_it_needs(make: Make) -> None:
    found = waves(
        [make("Service", "b", needs=("urn::a",)), make("ConfigMap", "a"), make("Pod", "c", needs=("urn::b",))]
    )
    assert found == {"urn::a": 0, "urn::b": 1, "urn::c": 2}


def test_a_part_of_a_component_waits_for_what_the_component_needs(make: Make) -> None:
    component = make("", "component", type_="eco2:x:X", needs=("urn::a",))
    outer = make("", "outer", type_="eco2:x:X", parent="urn::component")
    found = waves([make("ConfigMap", "a"), component, outer, make("Pod", "b", parent="urn::outer")])
    assert found == {"urn::a": 0, "urn::b": 1}


def test_who_needs_a_component_waits_for_all_of_it(make: Make) -> None:
    found = waves(
        [
            make("", "component", type_="eco2:x:X"),
            make("ConfigMap", "a", parent="urn::component"),
            make("Pod", "b", parent="urn::component", needs=("urn::a",)),
            make("Job", "c", needs=("urn::component",)),
        ]
    )
    assert found["urn::c"] == 2


def test_what_is_not_rendered_leaves_no_gap_and_hides_no_order(make: Make) -> None:
    found = waves(
        [
            make("ConfigMap", "a"),
            make("", "nodes", type_="aws:eks/nodeGroup:NodeGroup", needs=("urn::a",)),
            make("Secret", "password", needs=("urn::nodes",)),
            make("Pod", "b", needs=("urn::password",)),
        ]
    )
    assert found == {"urn::a": 0, "urn::b": 1}


def test_a_definition_is_first_whatever_it_waits_for(make: Make) -> None:
    found = waves(
        [
            make("ConfigMap", "a"),
            make("CustomResourceDefinition", "queues", needs=("urn::a",), spec=DEFINITION),
            make("Queue", "q", api="rabbitmq.com/v1beta1"),
            make("Queue", "other", api="example.com/v1"),
        ]
    )
    assert found == {"urn::a": 0, "urn::queues": 0, "urn::q": 1, "urn::other": 0}


def test_a_namespace_comes_before_what_is_in_it(make: Make) -> None:
    found = waves(
        [make("Pod", "a", namespace="scan"), make("Namespace", "scan"), make("Pod", "b", namespace="default")]
    )
    assert found == {"urn::scan": 0, "urn::a": 1, "urn::b": 0}
