"""Describe the API from the same structures that parse and answer it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from backend.core.parsing import Answer

REFERENCE = "#/components/schemas/{name}"
UNREADABLE = (400, 413, 415)  # what `parsing.parse` answers where a body cannot be taken
_described: dict[str, type] = {}


class ProblemDetails(Answer):
    """An error (RFC 9457). `code` is for programs, `detail` for people; some codes add members of their own."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: dict[str, list[str]] | None = None


def schema_of(shape: type) -> dict[str, Any]:
    """Return a reference to `shape` in the schema's components, noting it for `add_components`."""
    (schema,), components = msgspec.json.schema_components([shape], ref_template=REFERENCE)
    if components:
        _described[shape.__name__] = shape
    return schema


def describe(
    *,
    summary: str,
    answers: Mapping[int, type | None],
    body: type | None = None,
    problems: Sequence[int] = (),
    query: Sequence[str] = (),
    operation_id: str | None = None,
) -> Callable[[Any], Any]:
    """Return the decorator that documents one method of an API view.

    Args:
        summary: one sentence.
        answers: status to the structure answered with it (None where there is no body).
        body: the structure that the request's body is parsed into.
        problems: statuses answered as problem+json, beside those of a body that cannot be read.
        query: names of query parameters, all optional text.
        operation_id: the operation's name where the one made from its address is taken.
    """
    responses: dict[Any, Any] = {}
    for status, shape in answers.items():
        key: Any = (status, "application/json") if shape else status
        responses[key] = OpenApiResponse(response=schema_of(shape) if shape else None, description=summary)
    for status in sorted({*problems, *(UNREADABLE if body else ())}):
        responses[(status, "application/problem+json")] = OpenApiResponse(response=schema_of(ProblemDetails))
    return extend_schema(
        summary=summary,
        request={"application/json": schema_of(body)} if body else None,
        responses=responses,
        parameters=[OpenApiParameter(name, str, OpenApiParameter.QUERY) for name in query],
        operation_id=operation_id,
    )


def add_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add every described structure to the schema (a postprocessing hook of drf-spectacular)."""
    _schemas, components = msgspec.json.schema_components(list(_described.values()), ref_template=REFERENCE)
    result.setdefault("components", {}).setdefault("schemas", {}).update(components)
    return result
