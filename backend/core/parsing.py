"""Parse what a caller sends: bodies into typed structures, ids into ObjectIds."""

import json
import re
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from bson import ObjectId
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backend.core.problems import Invalid, NotFound, UnsupportedMediaType

T = TypeVar("T")
AT_PATH = re.compile(r"(?P<message>.*) - at `\$\.?(?P<path>[^`]*)`\Z")
NAMED = re.compile(r"field `(?P<field>[^`]+)`")
OBJECT_ID = re.compile(r"[0-9a-f]{24}\Z")


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The base of every request body: camelCase outside, unknown fields refused."""


class Answer(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The base of every answer: camelCase outside."""


def parse(request: HttpRequest, shape: type[T]) -> T:
    """Return the JSON body of `request` as `shape`.

    Raises Invalid naming the field, or UnsupportedMediaType where the body is not declared as JSON.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    try:
        body = request.body
        _refuse_duplicates(body)
        value = msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise Invalid({_field(str(error)): [_message(str(error))]}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        raise Invalid(detail=_("The body is not valid JSON.")) from None
    return value


def _refuse_duplicates(body: bytes) -> None:
    """Raise Invalid where an object has the same key twice: two readers would see two requests."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _value in pairs]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Invalid({twice: [_("given twice")]})
        if any("\0" in value for _name, value in pairs if isinstance(value, str)):
            raise Invalid(detail=_("The body has a character that no text may have."))
        return dict(pairs)

    json.loads(body, object_pairs_hook=once)


def _field(error: str) -> str:
    path = match["path"] if (match := AT_PATH.match(error)) else ""
    name = match["field"] if (match := NAMED.search(error)) else ""
    return ".".join(part for part in (path, name) if part) or "body"


def _message(error: str) -> str:
    return match["message"] if (match := AT_PATH.match(error)) else error


def object_id(text: str) -> ObjectId:
    """Return `text` as an id; raises NotFound, since nothing can have what is none."""
    if not OBJECT_ID.match(text):
        raise NotFound
    return ObjectId(text)


def instant(request: HttpRequest, name: str) -> datetime | None:
    """Return the query parameter `name`, an ISO 8601 time, in UTC; None where it is absent.

    Raises Invalid where it is none. A time without an offset is UTC.
    """
    text = request.GET.get(name)
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Invalid({name: [_("Not a time: write it like 2026-11-24T18:30:00Z.")]}) from None
    return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
