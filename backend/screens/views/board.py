"""The schedule board."""

from datetime import date

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from backend.core import clock
from backend.screens import board as tiles
from backend.screens import desk, words
from backend.screens.doors import page
from backend.screens.frame import actor_of, cinema_of, show


@page("boxoffice.view_showtimes")
def board(request: HttpRequest) -> HttpResponse:
    """Show the day's showtimes; `?code=04` goes straight to a session."""
    now, actor, cinema = clock.now(), actor_of(request), cinema_of(request)
    today = clock.business_day(now, cinema["timeZone"])
    day = _day(request, today)
    showtimes = [
        showtime
        for showtime in desk.showtimes_of_day(actor, cinema["id"], day, now=now)
        if tiles.is_shown(showtime, now=now)
    ]
    code = request.GET.get("code", "")
    wanted = next((showtime["id"] for showtime in showtimes if showtime["code"] == code), None)
    if wanted:
        return HttpResponseRedirect(reverse("screens:sell", args=[wanted]), status=303)
    shown = [tiles.tile(each, day=day, time_zone=cinema["timeZone"], now=now) for each in showtimes]
    view = request.GET.get("view", "")
    if view not in {"film", "time"}:
        view = "time" if len(shown) > tiles.TILES_BY_FILM else "film"
    films = tiles.by_film(showtimes, shown) if view == "film" else [{"tiles": shown}] if shown else []
    code_length = 3 if any(len(each["code"]) > 2 for each in shown) else 2
    context = {
        "films": films,
        "view": view,
        "days": tiles.days(today, day),
        "chosen_day": day.isoformat(),
        "is_today": day == today,
        "day_words": words.day_words(day, today),
        "code_length": code_length,
        "code_cells": range(code_length),
    }
    return show(request, "screens/board.html", context, cinema=cinema, tab="sell")


def _day(request: HttpRequest, today: date) -> date:
    try:
        return date.fromisoformat(request.GET.get("date", ""))
    except ValueError:
        return today
