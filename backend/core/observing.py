"""See each request: how long it took, who asked, what came of it; and show Prometheus the figures on their own port."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST

from backend.core import metrics
from backend.core.logs import current_request

log = logging.getLogger("backend.requests")
GetResponse = Callable[[HttpRequest], HttpResponse]
TOO_MANY = 429


def route_of(request: HttpRequest) -> str:
    """Return the pattern that the address matched: one of the URL configuration, never the address itself."""
    match = request.resolver_match
    if match is None:
        return metrics.OTHER
    return "admin/" if match.route.startswith("admin/") else match.route or "/"


def observed(get_response: GetResponse) -> GetResponse:
    """Time, count and log each request. On `METRICS_PORT`, answer `/metrics` and nothing else.

    The port is the listening socket's, which no header of a caller's changes.
    """
    own_port = str(settings.METRICS_PORT) if settings.METRICS_PORT else None

    def middleware(request: HttpRequest) -> HttpResponse:
        if own_port is not None and request.META.get("SERVER_PORT") == own_port:
            return figures(request)
        started = time.perf_counter()
        token = current_request.set(request)
        try:
            response = get_response(request)
            _note(request, response.status_code, time.perf_counter() - started)
        finally:
            current_request.reset(token)
        return response

    return middleware


def figures(request: HttpRequest) -> HttpResponse:
    """Answer with what the processes of this server counted."""
    if request.path_info != "/metrics":
        return HttpResponse(status=404)
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def _note(request: HttpRequest, status: int, seconds: float) -> None:
    route = route_of(request)
    method = request.method if request.method in metrics.METHODS else metrics.OTHER
    group = "429" if status == TOO_MANY else f"{status // 100}xx"
    metrics.requests.labels(route, method, group).observe(seconds)
    if request.path_info not in {"/healthz", "/readyz"}:  # every few seconds, and nobody asks
        log.info("answered", extra={"status": status, "milliseconds": round(seconds * 1000, 1)})
