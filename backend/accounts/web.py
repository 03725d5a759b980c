"""The screens' session: its cookie, the one-time address that sets it, and the decorator that asks for it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET

from backend.accounts import sessions
from backend.accounts.errors import SessionRevoked
from backend.accounts.services.web_session import redeem_code
from backend.accounts.sessions import LiveSession
from backend.core import clock
from backend.core.http import client_address, public_origin
from backend.core.ids import digest
from backend.core.problems import Forbidden

View = Callable[..., HttpResponse]


def _secure() -> bool:
    return settings.PUBLIC_ORIGIN.startswith("https://")


def cookie_name() -> str:
    """Return the cookie's name: browsers drop `__Host-` cookies on plain HTTP, which only development has."""
    return "__Host-till" if _secure() else "till"


@require_GET
def enter(request: HttpRequest, code: str) -> HttpResponse:
    """Spend a one-time code, set the cookie and go to the screens' clean address."""
    if request.META.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        return ended(request, SessionRevoked("unknown"))
    try:
        value = redeem_code(code, address=client_address(request), now=clock.now())
    except SessionRevoked as problem:
        return ended(request, problem)
    response = HttpResponseRedirect("/till/", status=303)
    response.set_cookie(cookie_name(), value, path="/", secure=_secure(), httponly=True, samesite="Strict")
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def ended(request: HttpRequest, problem: SessionRevoked) -> HttpResponse:
    """Answer that the screens' session is over: a page, with a mark that the shell reads."""
    reason = problem.extra["reason"]
    response = render(
        request, "screens/ended.html", {"code": problem.code, "reason": reason, "problem": problem}, status=401
    )
    response["X-Till-Ended"] = reason
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def live_session(request: HttpRequest) -> LiveSession:
    """Return the staff session behind the screens' cookie; raises SessionRevoked."""
    sid, _dot, secret = request.COOKIES.get(cookie_name(), "").partition(".")
    if not ObjectId.is_valid(sid) or len(sid) != 24 or not secret:
        raise SessionRevoked("unknown")
    return sessions.of_screens(ObjectId(sid), cookie=digest(secret), now=clock.now())


def _same_origin(request: HttpRequest) -> bool:
    """Return whether an unsafe request says that it comes from our own pages."""
    return request.META.get("HTTP_ORIGIN", "") == public_origin(request)


def till_required(permission: str, *, poll: bool = False) -> Callable[[View], View]:
    """Admit a person at a till with `permission`, and give the view `request.actor`.

    A page load or a POST counts as the person's activity; a `poll` does not. Unsafe requests must name our
    origin, besides the CSRF token that Django checks.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                session = live_session(request)
            except SessionRevoked as problem:
                return ended(request, problem)
            address = client_address(request)
            actor = session.actor(address)
            request.actor, request.staff_session = actor, session  # type: ignore[attr-defined]
            unsafe = request.method not in {"GET", "HEAD", "OPTIONS"}
            if not actor.may(permission) or (unsafe and not _same_origin(request)):
                return render(request, "core/problem.html", {"problem": Forbidden()}, status=Forbidden.status)
            if not poll:
                try:
                    sessions.mark_active(session, clock.now())
                    sessions.watch_screens(session, address, clock.now())
                except SessionRevoked as ended_meanwhile:
                    return ended(request, ended_meanwhile)
            return view(request, *args, **kwargs)

        wrapper.permission_required = permission  # type: ignore[attr-defined]  # read by the permission sweep
        return wrapper

    return decorate
