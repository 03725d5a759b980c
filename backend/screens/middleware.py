"""What the browser may do with an answer: with a page, nothing that does not come from us; with the rest, nothing."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PAGES = (
    "default-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
# Swagger UI writes styles into its elements, and has its pictures in its style sheet.
API_DOCS = f"{PAGES}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Send a policy with every answer: nothing inline, framed or foreign."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = policy_for(request.path_info)
        if request.path_info.startswith("/till/"):
            response.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def policy_for(path: str) -> str:
    """Return the policy of what is answered at `path`."""
    if path.startswith("/api/docs/"):
        return API_DOCS
    return PAGES if path.startswith(("/till/", "/admin/")) else DATA
