"""What the browser may do with a ticket screen: nothing that does not come from us."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = (
    "default-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Send the policy with every page under `/till/`: nothing inline, framed or foreign."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path_info.startswith("/till/"):
            response["Content-Security-Policy"] = POLICY
            response.setdefault("Cache-Control", "no-store")
        return response

    return middleware
