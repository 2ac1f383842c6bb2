"""From pydantic's errors to faults: which field, which value, what is allowed, how to mend it.

Ranges and hints are read from the JSON schema of the model, so that they are written once, in the model.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hw_models.located import Fault, KeyPath, Located, dotted, shown

Model = TypeVar("Model", bound=BaseModel)
JsonSchema = dict[str, Any]


@lru_cache(maxsize=8)
def schema_of(model: type[BaseModel]) -> JsonSchema:
    """Return the JSON schema of `model`."""
    return model.model_json_schema()


def validate(model: type[Model], located: Located) -> tuple[Model | None, list[Fault], list[KeyPath]]:
    """Check data against a model.

    Returns
    -------
    the model, or None where there are faults; all faults of the schema; and the faulty paths
    """
    try:
        return model.model_validate(located.value), [], []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    root = schema_of(model)
    faults: dict[KeyPath, Fault] = {}
    for item in errors:
        path = _field_path(root, item["loc"], item["type"] == "extra_forbidden")
        # A union reports one error per member; the fault is one.
        faults.setdefault(path, _explain(root, located, path, item))
    return None, list(faults.values()), list(faults)


def lookup(root: JsonSchema, path: Iterable[str | int]) -> JsonSchema | None:
    """Return the schema of the field at `path`, references resolved; None where the model has no such field."""
    schema = _resolved(root, root)
    for key in path:
        below = _child(root, schema, key)
        if below is None:
            return None
        schema = below
    return schema


def known_paths(root: JsonSchema, value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield every path that the model knows, list items as far as `value` has them."""
    schema = lookup(root, path) or {}
    for key in schema.get("properties", {}):
        yield (*path, key)
        yield from known_paths(root, value.get(key) if isinstance(value, dict) else None, (*path, key))
    if schema.get("type") == "array" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from known_paths(root, item, (*path, index))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, or None where none is like it."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


def describe(root: JsonSchema, schema: JsonSchema) -> str:
    """Return the values that `schema` allows in words, such as `integer from 1 to 65536`."""
    schema = _resolved(root, schema)
    if "anyOf" in schema:
        return " or ".join(describe(root, member) for member in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return f"{kind}{_range(schema)}"
    if kind == "array":
        return f"list of {describe(root, schema.get('items', {}))}"
    if kind == "object":
        required = schema.get("required", [])
        return f"mapping with the keys {', '.join(required)}"
    return {"boolean": "true or false", "string": "text", "null": "null"}.get(str(kind), "a value")


def _range(schema: JsonSchema) -> str:
    low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
    upper = "" if high is None else f"{high:g}" if isinstance(high, float) else str(high)
    if above is not None:
        return f" above {above}" + (f", at most {upper}" if upper else "")
    if low is not None:
        return f" from {low} to {upper}" if upper else f" of at least {low}"
    return f" of at most {upper}" if upper else ""


def _resolved(root: JsonSchema, schema: JsonSchema) -> JsonSchema:
    """Follow a reference; what stands beside it (the field's description) has precedence.

    A block that may be null counts as the block, marked `nullable`.
    """
    members = schema.get("anyOf", [])
    if len(members) == 2 and "$ref" in members[0] and members[1] == {"type": "null"}:
        beside = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**_resolved(root, members[0]), **beside, "nullable": True}
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _child(root: JsonSchema, schema: JsonSchema, key: str | int) -> JsonSchema | None:
    if isinstance(key, str) and key in schema.get("properties", {}):
        return _resolved(root, schema["properties"][key])
    if isinstance(key, str) and isinstance(schema.get("additionalProperties"), dict):
        return _resolved(root, schema["additionalProperties"])      # a mapping whose keys the user chooses
    if isinstance(key, int) and schema.get("type") == "array":
        return _resolved(root, schema["items"])
    return None


def _field_path(root: JsonSchema, loc: tuple[str | int, ...], is_unknown: bool) -> KeyPath:
    """Return `loc` without what pydantic appends for the members of a union."""
    path: KeyPath = ()
    for key in loc:
        if lookup(root, (*path, key)) is None:
            return (*path, key) if is_unknown else path
        path = (*path, key)
    return path


def _explain(root: JsonSchema, located: Located, path: KeyPath, error: Any) -> Fault:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(root, located, path)
    if "mend" in context:
        return located.fault(path, error["msg"], context["allowed"], context["mend"])
    schema = lookup(root, path) or {}
    allowed, hint = describe(root, schema), _hint(schema)
    if kind == "missing":
        return located.fault(path, "(missing)", allowed, f"add the key `{path[-1]}`{hint and ': '}{hint}")
    mend = f"give {hint}" if hint else "give a value within the range"
    return located.fault(path, shown(located.get(path)), allowed, mend)


def _hint(schema: JsonSchema) -> str:
    """Return the field's description; of an optional field it may stand in the first member of the union."""
    hint = schema.get("description") or next(
        (member["description"] for member in schema.get("anyOf", []) if "description" in member), ""
    )
    return str(hint)


def _unknown_key(root: JsonSchema, located: Located, path: KeyPath) -> Fault:
    known = list((lookup(root, path[:-1]) or {}).get("properties", {}))
    match = nearest(str(path[-1]), known)
    mend = f"write `{match}`" if match else "remove it"
    parent = f" below {dotted(path[:-1])}" if len(path) > 1 else ""
    value = f"{shown(located.get(path))} (unknown key)"
    return located.fault(path, value, f"the keys {', '.join(known)}{parent}", mend)
