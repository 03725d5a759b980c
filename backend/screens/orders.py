"""Orders as the list, the detail and the printer show them."""

import io
from datetime import datetime
from typing import Any

import segno
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backend.core import clock
from backend.core.actor import Actor
from backend.screens import board, words

QUIET_ZONE = 4  # modules
STATES = {
    "held": (pgettext_lazy("an order", "On hold"), "warn"),
    "paid": (gettext_lazy("Paid"), "go"),
    "cancelled": (gettext_lazy("Cancelled"), ""),
    "expired": (gettext_lazy("Expired"), ""),
    "partly_refunded": (gettext_lazy("Partly refunded"), "stop"),
    "refunded": (gettext_lazy("Refunded"), "stop"),
}
TICKET_STATES = {
    "valid": gettext_lazy("Not checked in"),
    "used": gettext_lazy("Checked in"),
    "refunded": gettext_lazy("Refunded"),
}
LONG_SEAT = 9  # characters of a seat that do not fit the ticket's box in large type
Answer = dict[str, Any]


def row(order: Answer, cinema: Answer, *, now: datetime) -> Answer:
    """Return one line of the list as the till of `cinema` shows it: another cinema's order names its own."""
    time_zone = cinema["timeZone"]
    starts, created = words.local(order["startsAt"], time_zone), words.local(order["createdAt"], time_zone)
    state, look = STATES.get(order["state"], (order["state"], ""))
    return {
        "id": order["id"],
        "number": order["number"],
        "title": f"{order['film']} {starts:%H:%M}",
        "at": f"{created:%H:%M}"
        if clock.business_day(created, time_zone) == clock.business_day(now, time_zone)
        else f"{created.month}/{created.day}",
        "count": len(order["seats"]),
        "total": words.yuan(order["total"]),
        "state": state if order["state"] != "paid" else "",
        "look": look,
        "elsewhere": order["cinema"]["name"] if order["cinema"]["id"] != cinema["id"] else "",
    }


def detail(order: Answer, showtime: Answer, time_zone: str, *, actor: Actor, may_change: bool, now: datetime) -> Answer:
    """Return one order with its seats or tickets, what was paid, and what may be done with it."""
    starts, created = words.local(order["startsAt"], time_zone), words.local(order["createdAt"], time_zone)
    today, day = clock.business_day(now, time_zone), clock.business_day(starts, time_zone)
    state, look = STATES.get(order["state"], (order["state"], ""))
    labels = {price["ticketType"]: price["label"] for price in showtime["prices"]}
    tickets = {ticket["seat"]: ticket for ticket in order["tickets"]}
    return {
        "id": order["id"],
        "number": order["number"],
        "title": order["film"],
        "when": f"{words.day_words(day, today)} {starts:%H:%M}",
        "place": " ".join((order["cinema"]["name"], order["hall"])),
        "sold": _("%(time)s %(till)s %(name)s")
        % {
            "time": f"{created:%H:%M}",
            "till": (order.get("device") or {}).get("name") or "",
            "name": order["staff"]["name"],
        },
        "paid": [
            f"{words.METHODS.get(each['method'], each['method'])} ¥{words.yuan(each['amount'])}"
            for each in order["payments"]
        ],
        "state": state,
        "look": look,
        "total": words.yuan(order["total"]),
        "count": len(order["seats"]),
        "cards": [_card(seat, tickets.get(seat["seat"]), labels) for seat in order["seats"]],
        "may_print": bool(order["tickets"]) and actor.may("boxoffice.sell"),
        "may_go_on": order["state"] == "held" and actor.may("boxoffice.sell") and may_change,
    }


def _card(seat: Answer, ticket: Answer | None, labels: dict[str, str]) -> Answer:
    return {
        "seat": words.heading([seat["seat"]]),
        "type": ticket["label"] if ticket else labels.get(seat["ticketType"], seat["ticketType"]),
        "price": words.yuan(seat["price"]),
        "number": words.grouped(ticket["number"]) if ticket else "",
        "state": TICKET_STATES.get(ticket["state"], ticket["state"]) if ticket else "",
    }


def qr_code(text: str) -> SafeString:
    """Return `text` as a QR code in SVG, black on nothing, without styles that the page's policy refuses."""
    picture = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(picture, kind="svg", border=QUIET_ZONE, xmldecl=False, svgns=False, omitsize=True, nl=False)
    # Drawn by segno from a text of A–Z and 2–7.
    return mark_safe(picture.getvalue().decode())  # noqa: S308


def printed_tickets(order: Answer, showtime: Answer, cinema: Answer) -> list[Answer]:
    """Return the tickets of `order` as they are printed."""
    zone = cinema["timeZone"]
    starts, created = words.local(showtime["startsAt"], zone), words.local(order["createdAt"], zone)
    methods = _joined(words.METHODS.get(each["method"], each["method"]) for each in order["payments"])
    till = (order.get("device") or {}).get("name") or ""
    printed = []
    for index, ticket in enumerate(order["tickets"], start=1):
        place = words.heading([ticket["seat"]])
        printed.append(
            {
                "cinema": cinema["name"],
                "cinema_code": cinema.get("code", ""),
                "till": till,
                "film": showtime["film"]["title"],
                "version": board.version_words(showtime).split(" · "),
                "time": f"{starts:%H:%M}",
                "date": words.long_date(starts.date()),
                "hall": showtime["hall"]["name"],
                "seat": place,
                "is_long": len(place) > LONG_SEAT,
                "qr": qr_code(words.ticket_text(ticket["number"])),
                "type": ticket["label"],
                "price": ticket["price"],
                "method": methods,
                "position": f"{index}/{len(order['tickets'])}",
                "sold": f"{created:%m-%d %H:%M} {order['staff']['name']}",
                "number": words.grouped(ticket["number"]),
                "order": order["number"],
            }
        )
    return printed


def _joined(parts: Any) -> str:
    """Return the ways of payment in one line."""
    return " + ".join(str(part) for part in parts)
