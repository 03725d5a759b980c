"""What every ticket screen shows: the person, the cinema, the clock; and how a person likes to read."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from backend.core import clock
from backend.core.actor import Actor
from backend.core.idempotency import IdempotencyKey
from backend.core.problems import NotFound
from backend.screens import desk

THEMES = ("auto", "light", "dark")
TEXT_SIZES = ("normal", "large")
CINEMA_COOKIE = "till-cinema"
THEME_COOKIE = "till-theme"
TEXT_COOKIE = "till-text"
Context = dict[str, Any]


def actor_of(request: HttpRequest) -> Actor:
    """Return the person and machine that `till_required` admitted."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def key_of(request: HttpRequest) -> IdempotencyKey:
    """Return the key under which this press is done once."""
    key: IdempotencyKey = request.idempotency_key  # type: ignore[attr-defined]
    return key


def is_partial(request: HttpRequest) -> bool:
    """Return whether htmx asks for a part of the page."""
    return request.headers.get("HX-Request") == "true"


def cinema_of(request: HttpRequest) -> Context:
    """Return the cinema that this till works for: the one chosen here, else the person's first.

    Raises NotFound where the person has none.
    """
    cinemas = desk.cinemas(actor_of(request))
    if not cinemas:
        raise NotFound
    chosen = request.COOKIES.get(CINEMA_COOKIE)
    return next((cinema for cinema in cinemas if cinema["id"] == chosen), cinemas[0])


def show(
    request: HttpRequest,
    template: str,
    context: Context,
    *,
    cinema: Context,
    tab: str,
    status: int = 200,
) -> HttpResponse:
    """Render a screen in its frame."""
    actor, now, zone = actor_of(request), clock.now(), ZoneInfo(cinema["timeZone"])
    ends: datetime = request.staff_session.expires_at  # type: ignore[attr-defined]  # `till_required` has set it
    frame = {
        "actor": actor,
        "ends": ends.astimezone(zone),
        "ends_in": int((ends - now).total_seconds()),
        "cinema": cinema,
        "cinemas": desk.cinemas(actor),
        "tab": tab,
        "now": now.astimezone(zone),
        "may_sell": actor.may("boxoffice.sell"),
        "may_see_orders": actor.may("boxoffice.view_orders"),
        **display_of(request),
    }
    return render(request, template, {**frame, **context}, status=status)


def display_of(request: HttpRequest) -> Context:
    """Return how this till shows its screens: theme and text size."""
    theme = request.COOKIES.get(THEME_COOKIE)
    size = request.COOKIES.get(TEXT_COOKIE)
    return {
        "theme": theme if theme in THEMES else "auto",
        "text_size": size if size in TEXT_SIZES else "normal",
    }
