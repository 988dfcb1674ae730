import pytest

from lab.model.answering import ANSWER_SCHEMA, VISION_SCHEMA
from lab.model.chat import Call, Picture
from lab.model.control import Control, Fault, Settings


def call(schema_name: str = VISION_SCHEMA, text: str = "", address: str = "") -> Call:
    pictures = (Picture(address=address),) if address else ()
    return Call(model="m", text=text, pictures=pictures, schema_name=schema_name, schema=None)


def control(**settings: object) -> Control:
    made = Control(Settings())
    made.settings = made.settings.changed(settings)
    return made


def test_a_limited_fault_ends_by_itself() -> None:
    faulty = control(fault="error500", fault_calls=2)
    assert [faulty.note(call()) for _ in range(3)] == [Fault.ERROR_500, Fault.ERROR_500, None]


def test_a_marked_fault_hits_only_calls_with_the_marker_in_text_or_address() -> None:
    faulty = control(fault="hang", fault_marker="bad-one")
    assert faulty.note(call()) is None
    assert faulty.note(call(text="a bad-one here")) is Fault.HANG
    assert faulty.note(call(address="https://example.com/bad-one.jpg")) is Fault.HANG


def test_a_fault_can_be_kept_to_one_schema() -> None:
    faulty = control(fault="nonsense", fault_schema=ANSWER_SCHEMA)
    assert faulty.note(call(VISION_SCHEMA)) is None
    assert faulty.note(call(ANSWER_SCHEMA)) is Fault.NONSENSE


def test_naming_a_fault_clears_the_limits_of_the_last_one() -> None:
    settings = Settings().changed({"fault": "hang", "fault_calls": 1, "fault_marker": "x"}).changed({"fault": "huge"})
    assert (settings.fault_calls, settings.fault_marker) == (None, None)


def test_a_change_of_times_leaves_the_fault_alone() -> None:
    settings = Settings().changed({"fault": "hang", "fault_calls": 1}).changed({"vision_seconds": 0})
    assert (settings.fault, settings.fault_calls, settings.vision_seconds) == (Fault.HANG, 1, 0.0)


@pytest.mark.parametrize("wanted", [[], {"speed": 1}, {"fault": "fire"}, {"vision_seconds": -1}])
def test_settings_that_make_no_sense_are_refused(wanted: object) -> None:
    with pytest.raises(ValueError, match=r"needed|must be|not a valid"):
        Settings().changed(wanted)


def test_calls_are_counted_by_schema_and_by_marker() -> None:
    counting = control()
    counting.note(call(VISION_SCHEMA, text="marker-a marker-a"))
    counting.note(call(ANSWER_SCHEMA, address="https://example.com/marker-a"))
    assert counting.counters.calls == {VISION_SCHEMA: 1, ANSWER_SCHEMA: 1}
    assert counting.counters.markers == {"marker-a": {VISION_SCHEMA: 1, ANSWER_SCHEMA: 1}}


def test_the_most_calls_in_flight_outlive_the_rush() -> None:
    counting = control()
    with counting.counting(), counting.counting():
        pass
    assert (counting.counters.in_flight, counting.counters.most_in_flight) == (0, 2)
