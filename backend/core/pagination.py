"""Pages over a collection by cursor: no offset, no count, so page 1,000 costs what page 1 does."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import BSON, Decimal128, ObjectId, encode
from bson.errors import BSONError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from pymongo.collection import Collection

from backend.core.http import public_origin
from backend.core.problems import Invalid

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200
SCALAR = str | int | float | datetime | ObjectId | Decimal128 | None
Document = dict[str, Any]


def page(
    request: HttpRequest,
    collection: Collection[Document],
    *,
    filter: Document,  # noqa: A002  # PyMongo's word for it
    sort: Sequence[tuple[str, int]],
    projection: Document | None = None,
) -> tuple[list[Document], str | None, str | None]:
    """Return one page of documents and the absolute addresses of the next and the previous page, or None.

    `sort` ends with `_id`, so that ties keep one order. Raises Invalid for a wrong `limit` or `cursor`.
    """
    limit = _limit(request)
    backwards, edge = _read_cursor(request, len(sort))
    direction = -1 if backwards else 1
    order = [(field, way * direction) for field, way in sort]
    wanted = {"$and": [filter, _beyond(order, edge)]} if edge is not None else filter
    found = list(collection.find(wanted, projection).sort(order).limit(limit + 1))
    more = len(found) > limit
    documents = found[:limit]
    if backwards:
        documents.reverse()
    has_next, has_previous = (edge is not None, more) if backwards else (more, edge is not None)
    following = _address(request, sort, documents[-1], backwards=False) if documents and has_next else None
    previous = _address(request, sort, documents[0], backwards=True) if documents and has_previous else None
    return documents, following, previous


def _limit(request: HttpRequest) -> int:
    text = request.GET.get("limit", str(DEFAULT_LIMIT))
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAXIMUM_LIMIT))
    if not (is_number and 1 <= int(text) <= MAXIMUM_LIMIT):
        raise Invalid({"limit": [_("Between 1 and 200.")]})
    return int(text)


def _beyond(order: Sequence[tuple[str, int]], edge: list[Any]) -> Document:
    """Return the filter for what comes after the document whose sort values are `edge`."""
    branches: list[Document] = []
    for position, (field, way) in enumerate(order):
        ties = {name: edge[index] for index, (name, _way) in enumerate(order[:position])}
        branches.append({**ties, field: {"$gt" if way > 0 else "$lt": edge[position]}})
    return {"$or": branches}


def _value(document: Document, path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _address(request: HttpRequest, sort: Sequence[tuple[str, int]], document: Document, *, backwards: bool) -> str:
    packed = encode({"b": backwards, "e": [_value(document, field) for field, _way in sort]})
    query = request.GET.copy()
    query["cursor"] = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return f"{public_origin(request)}{request.path}?{query.urlencode()}"


def _read_cursor(request: HttpRequest, length: int) -> tuple[bool, list[Any] | None]:
    text = request.GET.get("cursor")
    if not text:
        return False, None
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        values = BSON(packed).decode()
        backwards, edge = values["b"], values["e"]
    except (ValueError, KeyError, TypeError, BSONError):
        raise Invalid({"cursor": [_("Not a cursor of this list.")]}) from None
    # A sort value is a plain one: an object here would be a query operator, a pattern would match others.
    if not isinstance(edge, list) or len(edge) != length or not all(isinstance(value, SCALAR) for value in edge):
        raise Invalid({"cursor": [_("Not a cursor of this list.")]})
    return bool(backwards), edge
