"""One sale as the panel shows it: seats, types, sums and the words for what happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from backend.core.money import money, to_decimal
from backend.screens import words

TYPE_KEYS = ("F1", "F2", "F3", "F4")
KEYPAD = ("7", "8", "9", "4", "5", "6", "1", "2", "3", ".", "0", "back")
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message in the panel: an icon's kind (`warn`, `stop`, `go`), a bold line and a plain one."""

    kind: str
    bold: str
    plain: str = ""


def parse_types(text: str) -> dict[str, int]:
    """Return ticket types and their counts from "adult:2,child:1"; what is malformed is left out."""
    counts: dict[str, int] = {}
    for part in text.split(","):
        code, _colon, count = part.partition(":")
        if code and count.isascii() and count.isdigit() and len(count) < 4:
            counts[code] = counts.get(code, 0) + int(count)
    return counts


def assign_types(seats: Sequence[str], counts: dict[str, int], known: Sequence[str]) -> list[tuple[str, str]]:
    """Return a ticket type for each seat, in the order of the `known` types; the first takes the rest."""
    wanted = [code for code in known for _each in range(counts.get(code, 0))]
    rest = max(0, len(seats) - len(wanted))
    in_order = [known[0]] * rest + wanted
    return list(zip(seats, in_order, strict=False))


def type_codes(showtime: Answer) -> list[str]:
    """Return the ticket types of a showtime, each once, in their order."""
    return list(dict.fromkeys(price["ticketType"] for price in showtime["prices"]))


def types_value(counts: dict[str, int]) -> str:
    """Return types and counts as the page keeps them."""
    return ",".join(f"{code}:{count}" for code, count in counts.items() if count)


def count_types(order: Answer) -> dict[str, int]:
    """Return how many seats of `order` have each ticket type."""
    counts: dict[str, int] = {}
    for seat in order["seats"]:
        counts[seat["ticketType"]] = counts.get(seat["ticketType"], 0) + 1
    return counts


def type_cells(showtime: Answer, counts: dict[str, int], zones: Iterable[str | None]) -> list[Answer]:
    """Return the cells of the ticket types: label, key, price in the zone of the chosen seats, count."""
    wanted = set(zones)
    prices: dict[str, Answer] = {}
    for price in showtime["prices"]:
        if price["ticketType"] not in prices or (price.get("zone") and price.get("zone") in wanted):
            prices[price["ticketType"]] = price
    return [
        {
            "code": code,
            "label": price["label"],
            "price": words.yuan(price["amount"]),
            "count": counts.get(code, 0),
            "key": TYPE_KEYS[index] if index < len(TYPE_KEYS) else "",
        }
        for index, (code, price) in enumerate(prices.items())
    ]


def _labels(showtime: Answer) -> dict[str, str]:
    return {price["ticketType"]: price["label"] for price in showtime["prices"]}


def _who(order: Answer, labels: dict[str, str]) -> list[str]:
    """Return who sits where, once there is more than one type."""
    seats: dict[str, list[str]] = {}
    for seat in order["seats"]:
        seats.setdefault(seat["ticketType"], []).append(words.seat_id_parts(seat["seat"])[1])
    if len(seats) < 2:
        return []
    return [f"{words.seat_numbers(numbers)} {labels.get(code, code)}" for code, numbers in seats.items()]


def seconds_left(order: Answer, now: datetime) -> int:
    """Return how many seconds the hold of `order` lasts."""
    if not order.get("expiresAt"):
        return 0
    until = datetime.fromisoformat(order["expiresAt"])
    return max(0, int((until - now).total_seconds()))


def panel_of(order: Answer, showtime: Answer, *, zones: dict[str, str | None], now: datetime) -> Answer:
    """Return what the panel shows of a held order. `zones` names the zone of each seat."""
    counts = count_types(order)
    seats = [seat["seat"] for seat in order["seats"]]
    total = to_decimal(order["total"])
    left = seconds_left(order, now)
    shown = words.yuan(total)
    return {
        "order": order["id"],
        "number": order["number"],
        "seats": seats,
        "count": len(seats),
        "seat_words": words.heading(seats),
        "types": type_cells(showtime, counts, (zones.get(seat) for seat in seats)),
        "types_value": types_value(counts),
        "type_words": "  ".join(f"{_labels(showtime).get(code, code)} {n}" for code, n in counts.items()),
        "who": _who(order, _labels(showtime)),
        "total": shown,
        "total_exact": money(total),
        "expires": order.get("expiresAt") or "",
        "seconds_left": left,
        "time_left": words.minutes_seconds(left),
        "cash": [
            {
                "amount": money(note),
                "shown": words.yuan(note),
                "words": _("exact") if note == total else _("change %(amount)s") % {"amount": words.yuan(note - total)},
            }
            for note in words.cash_notes(total)
        ],
        "take_words": _("Take ¥%(amount)s") % {"amount": shown},
        "pay_words": _("Take payment and print"),
        "accept_words": _("Take these %(n)s seats") % {"n": len(seats)} if len(seats) > 1 else _("Take this seat"),
        "accept_first": _("Accept the new seats before payment"),
    }


def with_orphans(sale: Answer, orphans: Sequence[str], fix: Sequence[str]) -> tuple[Answer, Message | None]:
    """Return the sale with its orphan seats, and the words for them."""
    if not orphans:
        return sale, None
    sale = {**sale, "orphans": list(orphans), "orphan_fix": list(fix)}
    numbers = words.seat_numbers([words.seat_id_parts(seat)[1] for seat in fix])
    sale["orphan_fix_words"] = _("Move to %(numbers)s") % {"numbers": numbers}
    where = words.opening(words.sentence(orphans))
    plain = _("There is a block in this row that leaves none alone.") if fix else ""
    return sale, Message(kind="warn", bold=_("%(seats)s would be left alone") % {"seats": where}, plain=plain)


def with_payment(sale: Answer, order: Answer) -> Answer:
    """Return the sale with what was paid."""
    payment = order["payments"][-1]
    method = payment["method"]
    return {
        **sale,
        "method": method,
        "method_label": words.METHODS.get(method, method),
        "tendered": words.yuan(payment.get("tendered") or payment["amount"]),
        "change": words.yuan(payment.get("change") or Decimal(0)),
    }


def with_method(sale: Answer, method: str) -> Answer:
    """Return the sale with the words for a payment that the seller confirms by hand."""
    amount = {"amount": sale["total"]}
    asks = {
        "card": (_("Present card ¥%(amount)s") % amount, _("Charged, print tickets")),
        "wechat": (_("Scan WeChat ¥%(amount)s") % amount, _("Received, print tickets")),
        "alipay": (_("Scan Alipay ¥%(amount)s") % amount, _("Received, print tickets")),
    }
    ask, charged = asks.get(method, ("", ""))
    return {**sale, "method": method, "ask_words": ask, "charged_words": charged}


def methods() -> list[Answer]:
    """Return the ways to pay, in the order of their keys."""
    keys = {"cash": "F6", "card": "F7", "wechat": "F8", "alipay": "F9"}
    return [{"code": code, "label": words.METHODS[code], "key": key} for code, key in keys.items()]


def conflict(lost: Sequence[str], moved_to: Sequence[str] | None, *, till: str = "") -> Message:
    """Return the words for seats that someone else was faster with."""
    where = words.opening(words.sentence(lost))
    if till:
        bold = _("%(seats)s was just taken at %(till)s") % {"seats": where, "till": till}
    else:
        bold = _("%(seats)s was just taken at another till") % {"seats": where}
    if moved_to is None:
        return Message(kind="stop", bold=bold, plain=_("Choose other seats."))
    plain = _("Moved to %(seats)s; types and total unchanged") % {"seats": words.sentence(moved_to)}
    return Message(kind="stop", bold=bold, plain=plain)


def moved_with_new_total(lost: Sequence[str], moved_to: Sequence[str], total: str) -> Message:
    """Return the words where the new seats cost something else."""
    bold = conflict(lost, moved_to).bold
    plain = _("Moved to %(seats)s. Total is now ¥%(total)s. Please confirm") % {
        "seats": words.sentence(moved_to),
        "total": total,
    }
    return Message(kind="stop", bold=bold, plain=plain)


def split(size: int, seats: Sequence[str]) -> Message:
    """Return the words for a party that had to be split over two rows."""
    rows = [_("row %(row)s × %(n)s") % {"row": row, "n": len(numbers)} for row, numbers in words.by_row(seats).items()]
    return Message(
        kind="warn",
        bold=_("No %(n)s together") % {"n": size},
        plain=_("Split: %(rows)s") % {"rows": " + ".join(rows)},
    )


def too_few(free: int) -> Message:
    """Return the words for a party larger than what is left."""
    return Message(kind="warn", bold=_("Only %(n)s seats left") % {"n": free})


def scattered(size: int) -> Message:
    """Return the words for seats that are left, but nowhere together."""
    return Message(kind="warn", bold=_("No %(n)s together") % {"n": size}, plain=_("Choose them one by one: press S."))


def expired(seats: Sequence[str], *, still_free: bool) -> Message:
    """Return the words for a hold that ran out."""
    if not still_free:
        return Message(
            kind="stop", bold=_("Hold expired and the seats are sold."), plain=_("Press N for the next best")
        )
    where = words.opening(words.sentence(seats))
    one, many = _("Hold expired. %(seats)s is still free."), _("Hold expired. %(seats)s are still free.")
    return Message(
        kind="warn",
        bold=(many if len(seats) > 1 else one) % {"seats": where},
        plain=_("Enter holds them again; ticket types kept"),
    )


def short_cash(missing: Decimal) -> Message:
    """Return the words for less money than is due."""
    return Message(kind="stop", bold=_("¥%(amount)s short") % {"amount": words.yuan(missing)})


def sales_closed(*, still_held: bool = False) -> Message:
    """Return the words for a session that is no longer sold; what is held already may be paid."""
    plain = _("This order can still be paid as it is.") if still_held else ""
    return Message(kind="warn", bold=_("Sales closed for this session"), plain=plain)
