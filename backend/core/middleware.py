"""Middleware for every request: its number, the service paths, and problem+json under /api/."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from backend.core import health
from backend.core.logs import masked
from backend.core.problems import MethodNotAllowed, NotFound, Problem, Unexpected, answer, as_problem

log = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]
OURS = re.compile(r"[0-9a-f]{32}")  # nginx's numbers, and those made here
CALLERS_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
current_request_id: ContextVar[str] = ContextVar("current_request_id", default="-")


def request_id(get_response: GetResponse) -> GetResponse:
    """Number each request: the proxy's or caller's number where it is harmless, else a new one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        number = given if OURS.fullmatch(given) or _is_harmless(given) else uuid.uuid4().hex
        request.request_id = number  # type: ignore[attr-defined]  # HttpRequest is open to attributes
        token = current_request_id.set(number)
        try:
            response = get_response(request)
        finally:
            current_request_id.reset(token)
        response["X-Request-ID"] = number
        return response

    return middleware


def _is_harmless(given: str) -> bool:
    """Return whether a caller's number can stand in a log: it forges nothing and is no phone or token."""
    return CALLERS_ID.fullmatch(given) is not None and masked(given) == given


def service_paths(get_response: GetResponse) -> GetResponse:
    """Answer `/healthz` and `/readyz` before `Host` is checked or HTTPS demanded: probes use addresses."""
    probes = {"/healthz": health.alive, "/readyz": health.ready}

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = probes.get(request.path_info)
        return probe() if probe else get_response(request)

    return middleware


class ProblemsForTheApi:
    """Answer every error under `/api/` as problem+json, those of Django itself included."""

    plain: dict[int, type[Problem]] = {404: NotFound, 405: MethodNotAllowed, 500: Unexpected, 400: Problem}

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as problem+json where Django answered with a page."""
        response = self.get_response(request)
        is_html = response.get("Content-Type", "").startswith("text/html")
        if is_html and response.status_code in self.plain and request.path_info.startswith("/api/"):
            return answer(self.plain[response.status_code](), request)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an exception that no view answered."""
        if not request.path_info.startswith("/api/"):
            return None
        problem = as_problem(error)
        if problem is None:
            log.error("unexpected error", exc_info=error)
            problem = Unexpected()
        return answer(problem, request)


problems_for_the_api = ProblemsForTheApi
