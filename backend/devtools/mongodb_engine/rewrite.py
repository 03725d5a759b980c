"""Rewrite pipelines and filters into ones that mean the same to MongoDB and that every server reads alike.

Each rewriting is an identity on MongoDB:

- A nested `{"$project": {"a": {"b": 1}}}` becomes `{"a.b": 1}`, in `$addFields` and `$set` too: dots and nesting
  specify the same projection (MongoDB manual, `$project`, "Include Specific Fields from Embedded Documents").
- `$and` is flattened into the document around it, and operators on one field stand together: they are an
  implicit `$and`, for arrays as well.
- A `$match` becomes two in a row, first what an index can answer and then the rest (`$ne: null` beside a range,
  `$or`, `$expr`): MongoDB joins neighbouring `$match` stages again; the embedded server scans without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

RANGES = frozenset({"$gt", "$gte", "$lt", "$lte"})
COMBINABLE = RANGES | {"$exists", "$ne"}
PROJECTIONS = frozenset({"$project", "$addFields", "$set"})
BRANCHES = frozenset({"$or", "$nor"})


def rewrite_pipeline(pipeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return `pipeline` with every stage rewritten, those of inner pipelines included."""
    return [rewritten for stage in pipeline for rewritten in _stages(stage)]


def rewrite_filter(condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return `condition` with `$and` flattened and the operators on one field side by side."""
    merged: dict[str, Any] = {}
    left_over: list[dict[str, Any]] = []
    for key, value in _conjuncts(condition):
        if key not in merged:
            merged[key] = value
        elif _combinable(merged[key], value):
            merged[key] = {**merged[key], **value}
        else:
            left_over.append({key: value})
    return {**merged, "$and": left_over} if left_over else merged


def _stages(stage: Mapping[str, Any]) -> list[dict[str, Any]]:
    if len(stage) != 1:  # no pipeline of ours; the server says what is wrong with it
        return [dict(stage)]
    ((name, body),) = stage.items()
    if name == "$match":
        return [{"$match": part} for part in _split(rewrite_filter(body))]
    if name in PROJECTIONS:
        return [{name: dict(_dotted(body))}]
    if name == "$facet":
        return [{name: {output: rewrite_pipeline(inner) for output, inner in body.items()}}]
    if name in {"$lookup", "$unionWith"} and isinstance(body, Mapping) and "pipeline" in body:
        return [{name: {**body, "pipeline": rewrite_pipeline(body["pipeline"])}}]
    return [dict(stage)]


def _split(condition: dict[str, Any]) -> list[dict[str, Any]]:
    """Return `condition` as the part that an index can answer and the rest, without empty parts."""
    first: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in condition.items():
        if key.startswith("$"):
            rest[key] = value
        elif _is_operators(value) and value.keys() & RANGES:
            first[key] = {operator: bound for operator, bound in value.items() if operator in RANGES}
            if others := {operator: bound for operator, bound in value.items() if operator not in RANGES}:
                rest[key] = others
        else:
            first[key] = value
    return [part for part in (first, rest) if part] or [condition]


def _dotted(projection: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of a projection; an expression (`{"$op": …}`) and an empty document are values."""
    for name, value in projection.items():
        if isinstance(value, Mapping) and value and not _is_operators(value):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _conjuncts(condition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the (key, value) pairs that must all hold."""
    for key, value in condition.items():
        if key == "$and" and value:
            for part in value:
                yield from _conjuncts(part)
        elif key in BRANCHES:
            yield key, [rewrite_filter(branch) for branch in value]
        else:
            yield key, value


def _combinable(first: Any, second: Any) -> bool:
    """Say whether both are operators that may stand in one document: never the same one twice."""
    return all(_is_operators(value) and value.keys() <= COMBINABLE for value in (first, second)) and not (
        first.keys() & second.keys()
    )


def _is_operators(value: Any) -> bool:
    """Say whether `value` is a document of operators and not a plain one; MongoDB looks at the first key."""
    return isinstance(value, Mapping) and next(iter(value), "").startswith("$")
