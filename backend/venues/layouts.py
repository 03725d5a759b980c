"""Seat layouts: a hall drawn as text becomes seats with places, pairs and zones. Pure functions, no database."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.core.problems import RuleBroken

Seat = dict[str, Any]
STANDARD, LOVE, WHEELCHAIR = "standard", "love", "wheelchair"
GAP = " "
# What one character of a drawing stands for: (kind, is it broken). Zones are drawn apart from kinds.
KINDS = {".": (STANDARD, False), "x": (STANDARD, True), "L": (LOVE, False), "w": (WHEELCHAIR, False)}
NAME = re.compile(r"[0-9A-Za-z]{1,4}\Z")
DEFAULT_ZONE = "standard"


def build(
    drawing: Sequence[str], *, names: Sequence[str] = (), zones: Mapping[str, Sequence[str]] | None = None
) -> Seat:
    """Return `{columns, rows, seats}` for a hall drawn from the screen backwards.

    Args:
        drawing: one text a row: `.` a seat, `x` a broken one, `LL` a love seat for two, `w` a place for a
            wheelchair, a space an aisle or nothing. Seats are numbered from the left, gaps not counted.
        names: the rows as painted, "1", "2", … without it.
        zones: zone code to the seat ids that it holds; every other seat is in `standard`.

    Raises RuleBroken for a character, a half love seat, a row name or a zone's seat that cannot be.
    """
    painted = list(names) or [str(position) for position in range(1, len(drawing) + 1)]
    if len(painted) != len(drawing) or len(set(painted)) != len(painted) or not all(map(NAME.match, painted)):
        raise RuleBroken({"rows": [_("Each row needs a name of its own of 1 to 4 letters or digits.")]})
    zone_of = {seat: code for code, seats in (zones or {}).items() for seat in seats}
    seats = [seat for y, line in enumerate(drawing, 1) for seat in _row(painted[y - 1], y, line, zone_of)]
    if unknown := set(zone_of) - {seat["seat"] for seat in seats}:
        raise RuleBroken({"zones": [_("No such seat: %(seats)s") % {"seats": ", ".join(sorted(unknown))}]})
    if not seats:
        raise RuleBroken({"rows": [_("A hall without seats cannot be sold.")]})
    return {"columns": max(map(len, drawing)), "rows": painted, "seats": seats}


def block(rows: Sequence[int], numbers: range) -> list[str]:
    """Return the seat ids of `numbers` in each of `rows`, for zones."""
    return [f"{row}-{number}" for row in rows for number in numbers]


def sellable(seats: Sequence[Seat]) -> int:
    """Return how many seats can be sold."""
    return sum(1 for seat in seats if not seat.get("blocked"))


def drawing(seats: Sequence[Seat], columns: int) -> list[str]:
    """Return the text that `build` would make `seats` of."""
    marks = {(kind, broken): mark for mark, (kind, broken) in KINDS.items()}
    lines: dict[int, list[str]] = {seat["y"]: [GAP] * columns for seat in seats}
    for seat in seats:
        lines[seat["y"]][seat["x"] - 1] = marks[seat["kind"], bool(seat.get("blocked"))]
    return ["".join(lines[y]).rstrip() for y in sorted(lines)]


def _row(name: str, y: int, line: str, zone_of: Mapping[str, str]) -> list[Seat]:
    seats: list[Seat] = []
    for x, mark in enumerate(line, 1):
        if mark == GAP:
            continue
        if mark not in KINDS:
            raise RuleBroken({"rows": [_("Row %(row)s: %(mark)s stands for nothing.") % {"row": name, "mark": mark}]})
        kind, broken = KINDS[mark]
        number = str(len(seats) + 1)
        seat_id = f"{name}-{number}"
        seat: Seat = {"seat": seat_id, "row": name, "number": number, "x": x, "y": y, "kind": kind}
        seat["zone"] = zone_of.get(seat_id, DEFAULT_ZONE)
        if broken:
            seat["blocked"] = True
        seats.append(seat)
    _pair(name, [seat for seat in seats if seat["kind"] == LOVE])
    return seats


def _pair(name: str, halves: Sequence[Seat]) -> None:
    """Make each two neighbours a love seat, from the left."""
    for left, right in zip(halves[::2], halves[1::2], strict=False):
        if right["x"] == left["x"] + 1:
            left["pair"], right["pair"] = right["seat"], left["seat"]
    if any("pair" not in half for half in halves):
        raise RuleBroken({"rows": [_("Row %(row)s: a love seat has two places, side by side.") % {"row": name}]})
