from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import cluster
from lab.cluster import Cluster
from lab.layout import Checkout
from lab.probes import NotReady
from lab.records import Record


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster that was started from what this checkout says, and whose API server answers."""
    unused: Any = None
    found = Cluster(Checkout(tmp_path), "dev", {}, unused, unused)
    found.__dict__["content"] = "this"
    monkeypatch.setattr(cluster, "_ANSWER_SECONDS", 1)
    monkeypatch.setattr(Cluster, "_check_api", lambda self: None)
    return found


def recorded(here: Cluster, content: str = "this") -> Record:
    return Record(checkout=str(here.checkout.root), stack="dev", content=content)


def test_a_lab_that_answers_is_kept(here: Cluster) -> None:
    assert here.why_not(recorded(here)) == ""


def test_a_lab_of_other_sources_is_not_kept(here: Cluster) -> None:
    assert here.why_not(recorded(here, content="that")) == "it was started from something else"


def test_a_lab_that_answers_late_is_kept(here: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: Iterator[Exception] = iter([NotReady("refused")])

    def late(self: Cluster) -> None:
        for refusal in refusals:
            raise refusal

    monkeypatch.setattr(Cluster, "_check_api", late)
    assert here.why_not(recorded(here)) == ""


def test_a_lab_that_never_answers_is_not_kept_and_says_what_was_seen(
    here: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: Cluster) -> None:
        raise NotReady("connection refused")

    monkeypatch.setattr(Cluster, "_check_api", silent)
    assert "connection refused" in here.why_not(recorded(here))
