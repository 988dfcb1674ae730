"""Fills a JSON schema with values, so that whatever structure is asked for comes back complete and within its enums."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_FILLER = "모의 모델의 답변입니다."


def fill(schema: Schema, wishes: Mapping[str, Any]) -> Any:
    """A value that the schema allows. ``wishes`` maps property names, at any depth, to what is wanted there.

    A wish that the schema does not allow gives way to the nearest that it does: items outside an enum are dropped, a
    text that is too long is cut. Understood are type, enum, const, properties, items, the length bounds, anyOf/oneOf,
    and local $ref.
    """
    return _fill(schema, None, wishes, schema)


def _fill(schema: Schema, wish: Any, wishes: Mapping[str, Any], root: Schema) -> Any:
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return wish if wish in schema["enum"] else schema["enum"][0]
    if variants := schema.get("anyOf") or schema.get("oneOf"):
        return _fill(_fitting(variants, wish, root), wish, wishes, root)
    kind = _kind(schema, wish)
    if kind == "object":
        return _fill_object(schema, wish, wishes, root)
    if kind == "array":
        return _fill_array(schema, wish, wishes, root)
    return _scalar(schema, kind, wish)


def _fill_object(schema: Schema, wish: Any, wishes: Mapping[str, Any], root: Schema) -> dict[str, Any]:
    own = {**wishes, **wish} if isinstance(wish, Mapping) else wishes
    return {name: _fill(part, own.get(name), wishes, root) for name, part in schema.get("properties", {}).items()}


def _fill_array(schema: Schema, wish: Any, wishes: Mapping[str, Any], root: Schema) -> list[Any]:
    item_schema = _resolve(schema.get("items", {}), root)
    wanted = list(wish) if isinstance(wish, list | tuple) else []
    if "enum" in item_schema:
        wanted = [item for item in wanted if item in item_schema["enum"]]
    wanted = wanted[: schema.get("maxItems")]
    wanted += [None] * (schema.get("minItems", 0) - len(wanted))
    return [_fill(item_schema, item, wishes, root) for item in wanted]


def _scalar(schema: Schema, kind: str, wish: Any) -> Any:
    match kind:
        case "string":
            text = wish if isinstance(wish, str) else _FILLER
            return text[: schema.get("maxLength")]
        case "boolean":
            return wish if isinstance(wish, bool) else False
        case "integer" | "number":
            return wish if isinstance(wish, int | float) and not isinstance(wish, bool) else schema.get("minimum", 0)
        case _:
            return None


def _kind(schema: Schema, wish: Any) -> str:
    """The type to fill in. Of a list of types null is taken only if it is wished for or nothing else is allowed."""
    types = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(types, str):
        return types
    others = [kind for kind in types if kind != "null"]
    return others[0] if others and (wish is not None or "null" not in types) else "null"


def _fitting(variants: list[Schema], wish: Any, root: Schema) -> Schema:
    """The variant that takes the wish, else null if that is allowed, else the first."""
    wanted = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    resolved = [_resolve(one, root) for one in variants]
    for one in resolved:
        if wish in one["enum"] if "enum" in one else one.get("type") == wanted.get(type(wish), "null"):
            return one
    return next((one for one in resolved if one.get("type") == "null"), resolved[0])


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follows ``$ref`` to definitions in the same schema; bounded, because references may form a ring."""
    for _ in range(10):
        reference = schema.get("$ref")
        if reference is None:
            return schema
        target: Any = root
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    raise ValueError(f"$ref {schema['$ref']} leads in circles")
