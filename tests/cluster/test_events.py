"""Server-sent events: the present state if it is newer, then each change, then the end."""

from pathlib import Path

from tests.cluster.clients import Model, Scans


def test_a_stream_tells_every_step_and_ends_with_the_scan(photo: Path, scans: Scans, model: Model) -> None:
    events = scans.events(scans.submit(photo))

    versions = [event.version for event in events]
    assert versions == sorted(set(versions)), "an id must grow: clients resume by it"
    assert {event.name for event in events} == {"progress"}
    assert events[-1].data["status"] == "completed"
    steps = [event.data["step"] for event in events]
    assert [step for step in ("scan", "analyze", "answer", "complete") if step in steps][-2:] == ["answer", "complete"]
    progress = [event.data["progress"] for event in events]
    assert progress == sorted(progress)


def test_a_client_that_comes_late_gets_the_present_state(photo: Path, scans: Scans, model: Model) -> None:
    task_id = scans.submit(photo)
    scans.finish(task_id)
    events = scans.events(task_id)
    assert [event.data["status"] for event in events] == ["completed"]


def test_a_client_that_has_seen_the_last_event_gets_no_copy(photo: Path, scans: Scans, model: Model) -> None:
    task_id = scans.submit(photo)
    scans.settle(task_id)
    last = scans.events(task_id)[-1]
    assert scans.events(task_id, **{"Last-Event-ID": str(last.version)}) == []


def test_a_client_that_reconnects_goes_on_where_it_was(photo: Path, scans: Scans, model: Model) -> None:
    task_id = scans.submit(photo)
    with scans.stream(task_id) as stream:
        first = next(stream)
    rest = scans.events(task_id, **{"Last-Event-ID": str(first.version)})
    assert all(event.version > first.version for event in rest)
    assert rest[-1].data["status"] == "completed"


def test_two_clients_of_one_scan_see_the_same_end(photo: Path, scans: Scans, model: Model) -> None:
    task_id = scans.submit(photo)
    with scans.stream(task_id) as one, scans.stream(task_id) as other:
        assert list(one)[-1] == list(other)[-1]


def test_an_unknown_scan_has_no_stream(scans: Scans) -> None:
    answer = scans.http.get("/task/00000000-0000-4000-8000-000000000000/events")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
