from typing import Any

import pytest

from lab.model.filling import fill


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


TEXT = {"type": "string"}


def test_a_wish_is_fulfilled_at_any_depth() -> None:
    schema = closed({"outer": closed({"name": TEXT})})
    assert fill(schema, {"name": "x"}) == {"outer": {"name": "x"}}


def test_a_wish_outside_the_enum_gives_way() -> None:
    assert fill(closed({"kind": {"enum": ["a", "b"]}}), {"kind": "c"}) == {"kind": "a"}


def test_items_outside_the_enum_are_dropped() -> None:
    schema = closed({"tags": {"type": "array", "items": {"enum": ["a", "b"]}}})
    assert fill(schema, {"tags": ["b", "z"]}) == {"tags": ["b"]}


@pytest.mark.parametrize(
    "nullable", [{"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}], ids=["list", "anyOf"]
)
def test_a_nullable_field_is_null_unless_something_is_wished_for(nullable: dict[str, Any]) -> None:
    assert fill(closed({"note": nullable}), {}) == {"note": None}
    assert fill(closed({"note": nullable}), {"note": "x"}) == {"note": "x"}


def test_length_bounds_are_kept() -> None:
    schema = closed(
        {"text": {"type": "string", "maxLength": 2}, "list": {"type": "array", "items": TEXT, "minItems": 1}}
    )
    filled = fill(schema, {"text": "abc"})
    assert filled["text"] == "ab"
    assert len(filled["list"]) == 1


def test_definitions_are_followed() -> None:
    schema = closed({"one": {"$ref": "#/$defs/one"}}) | {"$defs": {"one": closed({"name": TEXT})}}
    assert fill(schema, {"name": "x"}) == {"one": {"name": "x"}}


def test_every_type_has_a_value() -> None:
    schema = closed(
        {"n": {"type": "integer"}, "f": {"type": "number"}, "b": {"type": "boolean"}, "z": {"type": "null"}}
    )
    assert fill(schema, {}) == {"n": 0, "f": 0, "b": False, "z": None}


def test_a_wish_that_no_variant_takes_becomes_null() -> None:
    schema = closed({"kind": {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}})
    assert fill(schema, {"kind": "z"}) == {"kind": None}
    assert fill(schema, {"kind": "a"}) == {"kind": "a"}
