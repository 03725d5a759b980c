"""Orders: find one, read it, print its tickets, give the seats of a hold back."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from backend.core import clock
from backend.core.actor import Actor
from backend.screens import desk
from backend.screens import orders as cards
from backend.screens.doors import action, page
from backend.screens.frame import actor_of, cinema_of, show

Answer = dict[str, Any]


@page("boxoffice.view_orders")
def orders(request: HttpRequest) -> HttpResponse:
    """List the day's orders, or those that a number, a ticket or a phone finds; the first one is open."""
    return _page(request, None)


@page("boxoffice.view_orders")
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show one order beside the list."""
    return _page(request, order_id)


def _page(request: HttpRequest, order_id: str | None) -> HttpResponse:
    now, actor, cinema = clock.now(), actor_of(request), cinema_of(request)
    query = request.GET.get("q", "").strip()
    found = desk.find_orders(actor, query, cinema=cinema, now=now)
    opened = desk.order(actor, order_id, now=now) if order_id else (found[0] if found and query else None)
    context = {
        "query": query,
        "rows": [cards.row(each, cinema, now=now) for each in found],
        "order": _detail(actor, opened, now) if opened else None,
    }
    return show(request, "screens/orders.html", context, cinema=cinema, tab="orders")


def _detail(actor: Actor, opened: Answer, now: datetime) -> Answer:
    showtime = desk.showtime(actor, opened["showtime"], now=now)
    cinema = desk.cinema(actor, opened["cinema"]["id"])
    may_change = desk.may_change(actor, opened["id"])
    return cards.detail(opened, showtime, cinema["timeZone"], actor=actor, may_change=may_change, now=now)


@action("boxoffice.sell")
def release(request: HttpRequest, order_id: str) -> HttpResponse:
    """Give the seats of a hold back, and show the order again."""
    desk.cancel(order_id, by=actor_of(request), now=clock.now())
    return HttpResponseRedirect(reverse("screens:order", args=[order_id]), status=303)


@page("boxoffice.sell")
def tickets(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show the tickets of a paid order as they are printed: 80 mm, one a seat."""
    now, actor = clock.now(), actor_of(request)
    found = desk.order(actor, order_id, now=now)
    showtime = desk.showtime(actor, found["showtime"], now=now)
    cinema = desk.cinema(actor, showtime["cinema"]["id"])
    context = {"tickets": cards.printed_tickets(found, showtime, cinema), "order": found}
    return render(request, "screens/tickets.html", context)
