"""Django's middleware for pages. A till's call goes round it: it has no Django session, no form and no file.

What protects every answer (`Host`, HTTPS, CSRF, security headers) stays in its way; these here would find nothing
to do, and are a quarter of a heartbeat's time.
"""

from functools import lru_cache
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from whitenoise.middleware import WhiteNoiseMiddleware


def is_tills(request: HttpRequest) -> bool:
    """Return whether `request` says to come from a till. Whoever says so wrongly is nobody, and is refused."""
    return "HTTP_DPOP" in request.META and request.path_info.startswith("/api/v2/")


class _ForPages:
    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Let a till's call pass, and treat all else as Django does."""
        if is_tills(request):
            return self.beside(request)
        answer: HttpResponseBase = super().__call__(request)  # type: ignore[misc]  # the other base has it
        return answer

    def beside(self, request: HttpRequest) -> HttpResponseBase:
        answer: HttpResponseBase = self.get_response(request)
        return answer


class Files(_ForPages, WhiteNoiseMiddleware):
    """Static files."""


class Sessions(_ForPages, SessionMiddleware):
    """The back office's sessions."""


@lru_cache(maxsize=256)
def _asked_for(accept_language: str) -> str:
    """Return the language that the header asks for, as Django reads it; tills send the same one all day."""
    bare = HttpRequest()
    bare.META["HTTP_ACCEPT_LANGUAGE"] = accept_language
    return translation.get_language_from_request(bare)


class Language(_ForPages, LocaleMiddleware):
    """The language of the answer. No address of a till names one, so `Accept-Language` alone decides there."""

    def beside(self, request: HttpRequest) -> HttpResponseBase:
        """Activate the language that the till asks for."""
        language = _asked_for(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
        translation.activate(language)
        answer = super().beside(request)
        answer["Content-Language"] = language
        return answer


class Authentication(_ForPages, AuthenticationMiddleware):
    """Who is signed in to the back office: at a till's call nobody."""

    def beside(self, request: HttpRequest) -> HttpResponseBase:
        """Name nobody, and let the call pass."""
        request.user = AnonymousUser()
        return super().beside(request)


class Messages(_ForPages, MessageMiddleware):
    """Messages of the back office."""
