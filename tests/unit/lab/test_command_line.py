import pytest

from lab.__main__ import pair, parser
from lab.errors import LabError


def test_a_setting_may_have_what_it_likes_behind_its_first_equals_sign() -> None:
    given = parser().parse_args(["up", "--set", "modelBaseUrl=http://x/?a=b", "--set=rabbitmqReplicas=1"])
    assert [pair(text) for text in given.set] == [("modelBaseUrl", "http://x/?a=b"), ("rabbitmqReplicas", "1")]


@pytest.mark.parametrize("text", ["rabbitmqReplicas", "=1", ""])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="KEY=VALUE"):
        pair(text)
