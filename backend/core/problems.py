"""Errors that people and programs can act on: RFC 9457 problem details, made in this one place."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from pymongo.errors import ConnectionFailure, PyMongoError
from rest_framework import exceptions as drf

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An error with a status, a code for programs and words for people.

    Args:
        detail: what happened and what to do next; the class's own `detail` where it is left out.
        headers: response headers, such as `Retry-After`.
        extra: further members of the body, in camelCase.
    """

    status = 400
    code = "bad_request"
    title: Any = _("The request cannot be understood")
    detail: Any = ""

    def __init__(self, detail: Any = None, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(self.code)
        if detail is not None:
            self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self, request_id: str = "") -> dict[str, Any]:
        """Return the body in the language of the request."""
        return {
            "type": f"urn:problem:{self.code.replace('_', '-')}",
            "title": str(self.title),
            "status": self.status,
            "code": self.code,
            "detail": str(self.detail or self.title),
            "requestId": request_id,
            **self.extra,
        }


class Invalid(Problem):
    """The body or the query has the wrong shape. `errors` names each field."""

    code = "invalid"
    title = _("Some fields are missing or have the wrong form")

    def __init__(self, errors: Mapping[str, list[Any]] | None = None, detail: Any = None) -> None:
        named = {field: [str(message) for message in messages] for field, messages in (errors or {}).items()}
        super().__init__(detail, errors=named)


class RuleBroken(Invalid):
    """The request is well formed, and a rule forbids it. `errors` names each field."""

    status, code = 422, "rule_broken"
    title = _("A rule forbids this")


class NotFound(Problem):
    """Absent, or in a cinema that is not the caller's: both answer alike."""

    status, code = 404, "not_found"
    title = _("There is nothing here that you may see")


class Forbidden(Problem):
    """The role lacks the permission."""

    status, code = 403, "forbidden"
    title = _("Your role may not do this")
    detail = _("Ask a supervisor or a manager.")


class MethodNotAllowed(Problem):
    """The address exists, the method does not."""

    status, code = 405, "method_not_allowed"
    title = _("This address does not take that method")


class UnsupportedMediaType(Problem):
    """The body is not JSON."""

    status, code = 415, "unsupported_media_type"
    title = _("Send the body as application/json")


class TooLarge(Problem):
    """The body is larger than any request needs."""

    status, code = 413, "too_large"
    title = _("The request is too large")


class Unavailable(Problem):
    """The database cannot be reached; nothing was decided, the same request may be sent again."""

    status, code = 503, "unavailable"
    title = _("The service is briefly unavailable")
    detail = _("Nothing is lost. Try again in a few seconds.")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


class Unexpected(Problem):
    """A fault of ours, logged with its request id."""

    status, code = 500, "unexpected"
    title = _("Something went wrong on the server")
    detail = _("Try again; if it stays, give the request number to support.")


def answer(problem: Problem, request: HttpRequest | None) -> HttpResponse:
    """Return the response for `problem`."""
    body = msgspec.json.encode(problem.body(getattr(request, "request_id", "")))
    return HttpResponse(body, status=problem.status, content_type=CONTENT_TYPE, headers=problem.headers)


def as_problem(error: BaseException) -> Problem | None:  # noqa: PLR0911  # a table of one line a case
    """Return the problem that `error` stands for, or None where it is a fault of ours."""
    match error:
        case Problem():
            return error
        case Http404() | drf.NotFound():
            return NotFound()
        case PermissionDenied() | drf.PermissionDenied() | drf.NotAuthenticated():
            return Forbidden()
        case drf.MethodNotAllowed():
            return MethodNotAllowed()
        case drf.UnsupportedMediaType():
            return UnsupportedMediaType()
        case RequestDataTooBig() | TooManyFieldsSent():
            return TooLarge()
        case drf.ParseError() | drf.ValidationError():
            return Invalid(detail=str(error))
        case DatabaseError() | InterfaceError() | PyMongoError() if is_outage(error):
            return Unavailable()
    return None


def is_outage(error: BaseException | None) -> bool:
    """Return whether `error` says that the database was out of reach, not that a command was wrong."""
    while error is not None:
        if isinstance(error, ConnectionFailure) or getattr(error, "timeout", False):
            return True
        error = error.__cause__
    return False


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Answer an exception of an API view (`EXCEPTION_HANDLER` of REST framework)."""
    problem = as_problem(error)
    return answer(problem, context["request"]) if problem else None
