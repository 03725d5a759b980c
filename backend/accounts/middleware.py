"""A fresh nonce on every answer of the API, so that a client can always sign its next request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from backend.accounts.dpop import issue_nonce
from backend.accounts.replay import RUN


def dpop_nonce(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Add `DPoP-Nonce` to every answer under `/api/v2/`, errors included, and forbid storing it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path_info.startswith("/api/v2/"):
            response["DPoP-Nonce"] = issue_nonce(RUN.current())
            if not response.has_header("Cache-Control"):
                response["Cache-Control"] = "no-store"
        return response

    return middleware
