import re

import pytest
from pulumi.runtime.proto.provider_pb2 import CheckRequest

from lab.pulumi.kubernetes.names import NameMissing, ensure_name, is_autonamed
from lab.pulumi.kubernetes.values import UNKNOWN

OPTIONS = CheckRequest.AutonamingOptions


def test_an_object_without_a_name_gets_the_resources_with_eight_digits():
    named = ensure_name({"metadata": {"labels": {"a": "b"}}}, {}, "web", b"")
    assert re.fullmatch(r"web-[0-9a-f]{8}", named["metadata"]["name"])
    assert is_autonamed(named), "without the mark the next update would not keep the name"
    assert named["metadata"]["labels"] == {"a": "b"}


def test_the_same_seed_gives_the_same_name():
    first, second = (ensure_name({}, {}, "web", b"seed")["metadata"]["name"] for _ in range(2))
    assert first == second, "the update would not do what the preview showed"


def test_an_automatic_name_is_kept_by_updates():
    old = ensure_name({}, {}, "web", b"")
    assert ensure_name({}, old, "web", b"")["metadata"]["name"] == old["metadata"]["name"]


@pytest.mark.parametrize("name", ["mine", UNKNOWN])
def test_a_name_from_the_program_stays(name):
    inputs = {"metadata": {"name": name}}
    assert ensure_name(inputs, {}, "web", b"") == inputs


def test_the_engines_proposal_is_taken():
    proposal = OPTIONS(proposed_name="web-prod", mode=OPTIONS.PROPOSE)
    assert ensure_name({}, {}, "web", b"", proposal)["metadata"]["name"] == "web-prod"


def test_names_that_nobody_gives_are_refused():
    with pytest.raises(NameMissing, match=r"set metadata\.name"):
        ensure_name({}, {}, "web", b"", OPTIONS(mode=OPTIONS.DISABLE))
    with pytest.raises(NameMissing, match="generateName"):
        ensure_name({"metadata": {"generateName": "web-"}}, {}, "web", b"")
