import pytest
from google.protobuf.struct_pb2 import Struct

from lab.pulumi.kubernetes.values import UNKNOWN, UNKNOWN_TEXTS, Secret, decode, encode, has_secret, has_unknown, plain

EVERYTHING = {
    "text": "a",
    "whole": 3,
    "broken": 0.5,
    "flag": True,
    "nothing": None,
    "list": [1, {"a": []}, {}],
    "secret": Secret({"password": "p"}),
    "later": UNKNOWN,
}


def test_what_is_encoded_comes_back_the_same():
    assert decode(Struct.FromString(encode(EVERYTHING).SerializeToString())) == EVERYTHING


def test_whole_numbers_come_back_as_integers():
    assert isinstance(decode(encode({"port": 80}))["port"], int), "the API server refuses 80.0 as a port"


def test_properties_nested_as_deep_as_custom_resource_schemas_survive():
    deep: dict = {"end": 1}
    for _ in range(120):
        deep = {"properties": deep}
    assert decode(Struct.FromString(encode(deep).SerializeToString())) == deep


@pytest.mark.parametrize("text", sorted(UNKNOWN_TEXTS))
def test_every_kind_of_unknown_is_recognised(text):
    assert decode(encode({"a": [text]}))["a"] == [UNKNOWN]


def test_marks_are_found_at_any_depth():
    assert has_unknown(EVERYTHING)
    assert has_secret({"a": [{"b": Secret(1)}]})
    assert not has_secret({"a": 1})
    assert has_unknown(Secret({"a": UNKNOWN})), "a secret that is not known yet cannot be sent to the API server"


def test_plain_takes_off_nested_secrecy_and_leaves_the_original_alone():
    marked = {"a": Secret([Secret("x")])}
    assert plain(marked) == {"a": ["x"]}
    assert isinstance(marked["a"], Secret)
