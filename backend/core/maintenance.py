"""While the service is in maintenance, tell everybody so: programs as problem+json, people on a page that waits."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from pymongo.errors import PyMongoError

from backend.core import serving
from backend.core.problems import Problem, Unavailable, answer

log = logging.getLogger(__name__)
RETRY_SECONDS = 5
GetResponse = Callable[[HttpRequest], HttpResponse]


class InMaintenance(Problem):
    """Nobody is served for a while: a backup is being restored, or ops said so. Nothing was decided."""

    status, code = 503, "maintenance"
    title = _("The service is being maintained")
    detail = _("Nothing is lost. Leave this open: it goes on by itself.")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})


def maintained(get_response: GetResponse) -> GetResponse:
    """Let each request go to the database that serves, or answer that none does.

    It stands behind the static files and the language, which need no database, and before all that does.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            serves = serving.follow().maintenance is None
        except (PyMongoError, DatabaseError) as error:
            log.warning("nobody can tell which database serves (%s)", type(error).__name__)
            return refused(request, Unavailable())
        return get_response(request) if serves else told(request)

    return middleware


def told(request: HttpRequest) -> HttpResponse:
    """Answer that the service is in maintenance. The log has no error of it: it is meant."""
    response = refused(request, InMaintenance())
    if "HTTP_HX_REQUEST" in request.META:
        response["HX-Refresh"] = "true"  # a part of a page: the whole page says it
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own mark
    return response


def refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer `problem` in the way that the caller understands."""
    if request.path_info.startswith("/api/"):
        return answer(problem, request)
    again = request.path if request.method == "GET" else ""
    context = {"problem": problem, "seconds": RETRY_SECONDS, "again": again}
    response = render(request, "core/maintenance.html", context, status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    return response
