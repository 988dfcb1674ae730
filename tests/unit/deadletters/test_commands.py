"""What people have done with dead letters."""

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError

from app import topology
from app.deadletters import __main__ as command_line
from app.deadletters import commands
from app.deadletters.commands import Exit, Tally
from app.deadletters.desk import Desk
from app.deadletters.letters import Letter
from app.deadletters.moves import Archive, Move, Purge, Requeue, Restore
from app.deadletters.selection import Selection, age_of
from app.state.reopening import Reopening
from tests.unit.deadletters.conftest import REWARD, FakeOffice, death, reward_letter

ANSWER = topology.ANSWER.queue
DEAD_REWARD = topology.dead_letter_queue(REWARD)
DEAD_ANSWER = topology.dead_letter_queue(ANSWER)


def scan_letter(body: bytes | None = None, **changes: Any) -> Letter:
    task_id = str(uuid4())
    fields = {
        "shelf": DEAD_ANSWER,
        "headers": {"task": ANSWER, "x-death": [death(ANSWER)], "root_id": task_id},
        "body": json.dumps([[task_id], {}, {}]).encode() if body is None else body,
    }
    return reward_letter(**fields | changes)


class FakeScans:
    def __init__(self) -> None:
        self.reopening = Reopening.REOPENED
        self.reopened: list[str] = []
        self.error: str | None = "model_unavailable"
        self.is_away = False

    def reopen(self, task_id: str) -> Reopening:
        if self.reopening is Reopening.REOPENED:
            self.reopened.append(task_id)
        return self.reopening

    def outlook(self, task_id: str) -> Reopening:
        return self.reopening

    def error_codes(self, task_ids: list[str]) -> list[str | None]:
        if self.is_away:
            raise ConnectionError
        return [self.error] * len(task_ids)


class Stage:
    def __init__(self, office: Any) -> None:
        self.office, self.scans = office, FakeScans()
        self.said: list[str] = []
        self.told: list[str] = []
        scans: Any = self.scans
        self.desk = Desk(office, scans, tell=self.told.append)

    def do(self, move: Move, limit: int | None = None, **selected: Any) -> tuple[Exit, Tally]:
        tally = Tally()
        code = commands.carry_out(self.desk, move, Selection(**selected), tally, limit=limit, say=self.said.append)
        return code, tally

    def plan(self, move: Move) -> Exit:
        return commands.plan(self.desk, move, Selection(), limit=None, say=self.said.append)

    def list(self, *, as_json: bool = True, limit: int = 100, **selected: Any) -> Exit:
        selection = Selection(**selected)
        return commands.list_letters(
            self.desk, selection, archived=False, limit=limit, as_json=as_json, say=self.said.append
        )


@pytest.fixture
def stage(office: FakeOffice) -> Stage:
    return Stage(office)


def test_requeue_opens_a_failed_scan_again(stage: Stage) -> None:
    letter = scan_letter()
    stage.office.shelves[DEAD_ANSWER] = [letter]
    assert stage.do(Requeue()) == (Exit.DONE, Tally(done=1))
    assert stage.scans.reopened == [letter.task_id]
    assert not stage.office.published, "its chain would run twice"
    assert not stage.office.shelves[DEAD_ANSWER]


def test_requeue_of_a_scan_needs_no_readable_message(stage: Stage) -> None:
    stage.office.shelves[DEAD_ANSWER] = [scan_letter(b"garbage")]
    assert stage.do(Requeue())[0] is Exit.DONE


def test_requeue_of_a_scan_whose_input_has_expired_is_refused(stage: Stage) -> None:
    letter = scan_letter()
    stage.office.shelves[DEAD_ANSWER], stage.scans.reopening = [letter], Reopening.EXPIRED
    assert stage.do(Requeue()) == (Exit.REFUSED, Tally(refused=1))
    assert "input expired" in stage.said[0]
    assert stage.office.shelves[DEAD_ANSWER] == [letter]


def test_a_scan_that_has_not_failed_gets_its_message_only_if_it_can_be_read(stage: Stage) -> None:
    poison = scan_letter(b"garbage")
    stage.office.shelves[DEAD_ANSWER], stage.scans.reopening = [scan_letter(), poison], Reopening.NOT_FAILED
    assert stage.do(Requeue()) == (Exit.REFUSED, Tally(done=1, refused=1))
    assert [item.routing_key for item in stage.office.published] == [ANSWER]
    assert stage.office.shelves[DEAD_ANSWER] == [poison], "its death would fail the scan that is under way"


@pytest.mark.parametrize(
    ("move", "shelf", "goes_to"),
    [
        (Requeue(), DEAD_REWARD, REWARD),
        (Archive(), DEAD_REWARD, topology.archive_queue(REWARD)),
        (Restore(), topology.archive_queue(REWARD), DEAD_REWARD),
    ],
    ids=["requeue", "archive", "restore"],
)
def test_a_letter_is_moved_where_the_command_says(move: Move, shelf: str, goes_to: str, stage: Stage) -> None:
    stage.office.shelves[shelf] = [reward_letter(shelf=shelf)]
    assert stage.do(move) == (Exit.DONE, Tally(done=1))
    assert [item.routing_key for item in stage.office.published] == [goes_to]


def test_purge_deletes_what_is_selected_and_nothing_else(stage: Stage) -> None:
    old, young = reward_letter(), reward_letter(headers={"x-death": None})
    stage.office.shelves[DEAD_REWARD] = [old, young]
    assert stage.do(Purge(), older_than=timedelta(days=1)) == (Exit.DONE, Tally(done=1))
    assert stage.office.shelves[DEAD_REWARD] == [young], "a letter of unknown age was taken for an old one"


def test_a_letter_for_no_queue_of_ours_is_refused(stage: Stage) -> None:
    stray = reward_letter(shelf=topology.UNROUTED_QUEUE, headers={"x-death": None}, routing_key="nothing")
    stage.office.shelves[topology.UNROUTED_QUEUE] = [stray]
    assert stage.do(Requeue()) == (Exit.REFUSED, Tally(refused=1))


@pytest.mark.parametrize("move", [Requeue(), Archive(), Purge()], ids=lambda move: move.name)
def test_a_plan_changes_nothing(move: Move, stage: Stage) -> None:
    letters = [reward_letter(), *(reward_letter() for _ in range(150))]
    stage.office.shelves[DEAD_REWARD], stage.office.shelves[DEAD_ANSWER] = list(letters), [scan_letter()]
    assert stage.plan(move) is Exit.DONE
    assert (stage.office.shelves[DEAD_REWARD], stage.office.published, stage.scans.reopened) == (letters, [], [])
    assert "152 letters" in stage.said[-1]
    assert len(stage.said) < 30, "a hundred thousand lines help nobody"


def test_a_limit_holds_over_queues_and_refusals(stage: Stage) -> None:
    stage.office.shelves[DEAD_REWARD] = [reward_letter() for _ in range(250)]
    stage.office.shelves[DEAD_ANSWER] = [scan_letter() for _ in range(100)]
    assert stage.do(Archive(), limit=120)[1] == Tally(done=120)
    assert len(stage.office.published) == 120


def test_what_a_queue_has_no_room_for_is_told(stage: Stage) -> None:
    stage.office.shelves[DEAD_REWARD], stage.office.full = [reward_letter()], {REWARD}
    assert stage.do(Requeue()) == (Exit.REFUSED, Tally(refused=1))


def test_nothing_selected_is_told_by_the_exit_code(stage: Stage) -> None:
    assert stage.do(Purge()) == (Exit.NOTHING, Tally())
    assert stage.list() is Exit.NOTHING


def test_ctrl_c_ends_it_before_the_next_page(stage: Stage) -> None:
    stage.office.shelves[DEAD_REWARD] = [reward_letter() for _ in range(300)]
    stage.desk.stopping.set()
    assert stage.do(Archive()) == (Exit.REFUSED, Tally())


@pytest.mark.parametrize(
    ("selected", "found"),
    [
        ({"queue": REWARD}, 1),
        ({"queue": DEAD_ANSWER}, 1),
        ({"reason": "rejected"}, 2),
        ({"reason": "expired"}, 0),
        ({"error": "model_unavailable"}, 1),
        ({"newer_than": timedelta(seconds=1)}, 0),
        ({"task_id": str(uuid4())}, 0),
    ],
    ids=str,
)
def test_filters_select(selected: dict[str, Any], found: int, stage: Stage) -> None:
    stage.office.shelves[DEAD_REWARD], stage.office.shelves[DEAD_ANSWER] = [reward_letter()], [scan_letter()]
    stage.list(**selected)
    assert len(stage.said) == found


def test_a_list_stands_without_redis_unless_it_is_about_errors(stage: Stage) -> None:
    stage.office.shelves[DEAD_ANSWER], stage.scans.is_away = [scan_letter()], True
    assert stage.list() is Exit.DONE
    assert "not known" in stage.told[0]
    with pytest.raises(ConnectionError):
        stage.list(error="model_unavailable")


def test_what_a_stranger_wrote_cannot_steer_the_terminal(stage: Stage) -> None:
    stage.office.shelves[DEAD_REWARD] = [reward_letter(headers={"task": "\x1b[2J\nscan"})]
    stage.list(as_json=False)
    assert "\x1b" not in stage.said[1]
    assert "\n" not in stage.said[1]


def test_a_letter_is_shown_in_full(stage: Stage) -> None:
    shown = [reward_letter(), reward_letter(body=b"\xff\x00"), reward_letter(body="텍스트".encode())]
    stage.office.shelves[DEAD_REWARD] = shown
    commands.show(stage.desk, Selection(), archived=False, limit=9, say=stage.said.append)
    pages = [json.loads(page) for page in stage.said]
    assert pages[0]["body"][0][0]["user_id"] == "u1"
    assert pages[0]["headers"]["x-death"][0]["time"] == "2026-01-01T12:00:00Z"
    assert [page["body"] for page in pages[1:]] == [{"base64": "/wA="}, "텍스트"]


@pytest.mark.parametrize(("text", "age"), [("90s", 90), ("15m", 900), ("6h", 21600), ("2d", 172800)])
def test_ages_are_read(text: str, age: int) -> None:
    assert age_of(text) == timedelta(seconds=age)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nothing"],
        ["purge"],
        ["requeue", "--yes"],
        ["list", "--queue", "nothing"],
        ["list", "--older-than", "soon"],
        ["list", "--limit", "0"],
        ["archive", "--all", "--older-than", "²d"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_anything_is_connected(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["deadletters", *words])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    assert end.value.code == Exit.USAGE


def test_the_help_names_the_line_for_the_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["deadletters", "--help"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert "kubectl -n scan exec -it deploy/reward-worker -- python -m app.deadletters" in capsys.readouterr().out
