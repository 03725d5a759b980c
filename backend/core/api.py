"""The base of API views: JSON alone, closed unless a view says who may enter."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission


class NobodyByDefault(BasePermission):
    """Refuse: a view that forgets to name its permission is closed."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Return False."""
        return False


class AlwaysJson(BaseContentNegotiation):
    """Answer JSON whatever `Accept` says: there is nothing else to negotiate."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the JSON parser."""
        return parsers[0] if parsers else None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the JSON renderer and its media type."""
        return renderers[0], renderers[0].media_type


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return `value` (a msgspec structure, or lists and dicts of JSON values) as a JSON response."""
    return HttpResponse(
        msgspec.json.encode(value), status=status, content_type="application/json", headers=dict(headers or {})
    )


def page_answer(results: Sequence[Any], following: str | None, previous: str | None) -> HttpResponse:
    """Return one page of a list as the API shapes it."""
    return json_answer({"results": results, "next": following, "previous": previous})


def django_request(request: Any) -> HttpRequest:
    """Return Django's own request under REST framework's."""
    return getattr(request, "_request", request)
