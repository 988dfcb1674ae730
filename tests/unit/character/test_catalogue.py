import json

import pytest

from app.character.catalogue.messages import Unreadable, change_message, read_message, reload_message
from app.character.catalogue.snapshot import Catalogue, NotLoaded, Snapshot
from app.character.catalogue.sync import apply_message
from app.character.migrations.versions.m0001_tables import CHARACTERS
from app.rules import RECYCLABLE_MIDDLE_CATEGORIES
from tests.unit.character.conftest import row


def sent(document: object) -> bytes:
    return json.dumps(document).encode()


def test_each_middle_category_earns_a_character_of_its_own(catalogue: Catalogue) -> None:
    earned = [catalogue.snapshot.match(category) for category in RECYCLABLE_MIDDLE_CATEGORIES]
    assert None not in earned, "scans of that category would never be rewarded"
    assert len({character.code for character in earned if character}) == len(RECYCLABLE_MIDDLE_CATEGORIES) == 12


def test_the_thirteenth_is_for_the_sign_up_and_no_scan_earns_it() -> None:
    assert len(CHARACTERS) == 13
    assert [code for code, _, label, _, _ in CHARACTERS if label is None] == ["char-eco"]


def test_a_category_is_matched_by_its_exact_name(catalogue: Catalogue) -> None:
    assert catalogue.snapshot.match("종이").code == "char-paper"  # type: ignore[union-attr]
    assert catalogue.snapshot.match("종이류") is None


def test_a_catalogue_that_is_not_loaded_matches_nothing_by_mistake() -> None:
    with pytest.raises(NotLoaded):
        Catalogue().snapshot  # noqa: B018


def test_an_older_message_does_not_undo_a_newer_state(catalogue: Catalogue) -> None:
    catalogue.apply(row(version=20, dialog="new"))
    assert not catalogue.apply(row(version=19, dialog="old"))
    assert catalogue.snapshot.rows["char-paper"].dialog == "new"


def test_a_late_message_does_not_bring_a_removed_character_back(catalogue: Catalogue) -> None:
    catalogue.apply(row(version=21, deleted=True))
    catalogue.apply(row(version=20))
    assert catalogue.snapshot.match("종이") is None


def test_the_version_is_that_of_the_newest_row_even_if_it_is_removed(catalogue: Catalogue) -> None:
    before = catalogue.snapshot.version
    catalogue.apply(row(version=before + 1, deleted=True))
    assert catalogue.snapshot.version == before + 1, "decisions would name a state in which it was still there"


def test_a_label_that_moves_earns_the_newer_row_whichever_message_comes_first(catalogue: Catalogue) -> None:
    catalogue.apply(row("char-new", version=31))
    assert catalogue.snapshot.match("종이").code == "char-new"  # type: ignore[union-attr]
    catalogue.apply(row(version=30, match_label=None))
    assert catalogue.snapshot.match("종이").code == "char-new"  # type: ignore[union-attr]


def test_who_holds_a_snapshot_does_not_see_later_changes(catalogue: Catalogue) -> None:
    held = catalogue.snapshot
    catalogue.apply(row(version=40, dialog="later"))
    assert held.rows["char-paper"].dialog != "later", "one decision would be made by two catalogues"


def test_an_empty_catalogue_is_loaded_all_the_same() -> None:
    assert Snapshot({}).version == 0


def test_a_change_says_all_that_a_pod_needs(catalogue: Catalogue) -> None:
    changed = row(version=50, dialog="바뀜", deleted=True)
    assert read_message(sent(change_message(changed))) == changed


def test_a_change_is_applied_without_a_load(catalogue: Catalogue) -> None:
    assert apply_message(catalogue, sent(change_message(row(version=60, dialog="바뀜"))))
    assert catalogue.snapshot.rows["char-paper"].dialog == "바뀜"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\x00",
        b"[" * 100_000,
        sent([]),
        sent({"type": "news"}),
        sent({"type": "change"}),
        sent({"type": "change", "code": "char-paper", "version": "soon"}),
    ],
    ids=["no text", "too deep", "a list", "unknown", "no row", "no version"],
)
def test_what_cannot_be_read_makes_the_pod_load_anew(catalogue: Catalogue, body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_message(body)
    assert not apply_message(catalogue, body), "a change would be missed"


def test_a_wish_to_reload_makes_the_pod_load_anew(catalogue: Catalogue) -> None:
    assert not apply_message(catalogue, sent(reload_message()))


def test_a_field_that_a_later_version_adds_does_not_hurt_this_one(catalogue: Catalogue) -> None:
    assert apply_message(catalogue, sent({**change_message(row(version=70)), "colour": "green"}))
