"""Choosing seats: the best block for a party, and the single seats that a choice would leave behind."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Any

Seat = Mapping[str, Any]
ROW_WEIGHT = 1.3  # a row too near or too far is worse than as many seats to the side
FOCUS_DEPTH = 2 / 3  # the best row, from the screen
LOVE_SEAT_PENALTY = 100.0  # couples' seats only when nothing else is left


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Seats for a party. `rows` is 2 where they had to be split over two adjacent rows."""

    seats: tuple[str, ...]
    orphans: tuple[str, ...] = ()
    rows: int = 1


def best_available(seats: Sequence[Seat], size: int, *, skip: int = 0) -> Proposal | None:
    """Return the best block of `size` free seats, or None where there is none.

    One row, side by side, one zone, no aisle between, no new orphan, nearest to the focus point (centre, two
    thirds back); else with an orphan; else two adjacent rows.

    Args:
        seats: the seat map's seats, each with `seat, x, y, kind, zone, state` and `pair` for a love seat.
        size: how many people.
        skip: how many better blocks the customer turned down; past the last one it begins again.
    """
    if size < 1:
        return None
    focus = _focus(seats)
    blocks = sorted(_blocks(seats, size), key=lambda block: _cost(block, focus))
    whole = [Proposal(seats=ids, orphans=orphans(seats, ids)) for ids in map(_ids, blocks)]
    kept = [each for each in whole if not each.orphans] or whole
    if kept:
        return kept[skip % len(kept)]
    split = sorted(_splits(seats, size), key=lambda block: _cost(block, focus))
    if not split:
        return None
    return Proposal(seats=_ids(split[skip % len(split)]), rows=2)


def nearest(seats: Sequence[Seat], wanted: Sequence[str]) -> Proposal | None:
    """Return the block that is nearest to the `wanted` seats, of which some are taken."""
    there = [seat for seat in seats if seat["seat"] in set(wanted)]
    if not there:
        return best_available(seats, len(wanted))
    focus = (sum(seat["x"] for seat in there) / len(there), sum(seat["y"] for seat in there) / len(there))
    blocks = sorted(_blocks(seats, len(wanted)), key=lambda block: _cost(block, focus))
    whole = [Proposal(seats=ids, orphans=orphans(seats, ids)) for ids in map(_ids, blocks)]
    kept = [each for each in whole if not each.orphans] or whole
    return kept[0] if kept else best_available(seats, len(wanted))


def orphans(seats: Sequence[Seat], chosen: Collection[str]) -> tuple[str, ...]:
    """Return the free seats that `chosen` would leave alone between taken seats or aisles.

    A row that has no block of that size without an orphan is forgiven: nothing better could be offered.
    """
    found: list[str] = []
    for row in _rows(seats):
        mine = [seat for seat in row if seat["seat"] in chosen]
        if not mine:
            continue
        alone = _orphans_in(row, chosen)
        if alone and any(not _orphans_in(row, _ids(block)) for block in _row_blocks(row, len(mine), chosen)):
            found += alone
    return tuple(found)


def without_orphan(seats: Sequence[Seat], chosen: Collection[str]) -> tuple[str, ...]:
    """Return the nearest block of the same row and size that leaves no orphan, or nothing."""
    rows = [row for row in _rows(seats) if any(seat["seat"] in chosen for seat in row)]
    if len(rows) != 1:
        return ()
    centre = _centre([seat for seat in rows[0] if seat["seat"] in chosen])
    blocks = sorted(_row_blocks(rows[0], len(chosen), chosen), key=lambda block: abs(_centre(block) - centre))
    return next((_ids(block) for block in blocks if not _orphans_in(rows[0], _ids(block))), ())


def _rows(seats: Sequence[Seat]) -> list[list[Seat]]:
    rows: dict[int, list[Seat]] = {}
    for seat in seats:
        rows.setdefault(seat["y"], []).append(seat)
    return [sorted(rows[y], key=lambda seat: seat["x"]) for y in sorted(rows)]


def _runs(row: Sequence[Seat], open_to: Collection[str]) -> Iterator[list[Seat]]:
    """Yield the stretches of free seats, side by side in one zone. Seats in `open_to` count as free."""
    run: list[Seat] = []
    for seat in row:
        free = (seat["state"] == "free" or seat["seat"] in open_to) and seat["kind"] != "wheelchair"
        joins = bool(run) and run[-1]["x"] + 1 == seat["x"] and run[-1].get("zone") == seat.get("zone")
        if run and not (free and joins):
            yield run
            run = []
        if free:
            run.append(seat)
    if run:
        yield run


def _row_blocks(row: Sequence[Seat], size: int, open_to: Collection[str] = ()) -> Iterator[list[Seat]]:
    for run in _runs(row, open_to):
        for start in range(len(run) - size + 1):
            block = run[start : start + size]
            if not _splits_a_pair(block):
                yield block


def _blocks(seats: Sequence[Seat], size: int) -> Iterator[list[Seat]]:
    for row in _rows(seats):
        yield from _row_blocks(row, size)


def _splits(seats: Sequence[Seat], size: int) -> Iterator[list[Seat]]:
    """Yield blocks over two adjacent rows, as even as can be, the two parts one behind the other."""
    for front, back in pairwise(_rows(seats)):
        for first in range((size + 1) // 2, size):
            both = [
                [*upper, *lower]
                for sizes in {(first, size - first), (size - first, first)}
                for upper in _row_blocks(front, sizes[0])
                for lower in _row_blocks(back, sizes[1])
                if abs(_centre(upper) - _centre(lower)) <= size / 2
            ]
            if both:
                yield from both
                break


def _splits_a_pair(block: Sequence[Seat]) -> bool:
    ids = {seat["seat"] for seat in block}
    return any(seat.get("pair") and seat["pair"] not in ids for seat in block)


def _orphans_in(row: Sequence[Seat], chosen: Collection[str]) -> list[str]:
    by_x = {seat["x"]: seat for seat in row}

    def is_free(x: int) -> bool:
        seat = by_x.get(x)
        # A seat that is given back by this very choice is free again.
        return seat is not None and seat["state"] in {"free", "mine"} and seat["seat"] not in chosen

    def is_chosen(x: int) -> bool:
        return x in by_x and by_x[x]["seat"] in chosen

    return [
        by_x[x]["seat"]
        for x in by_x
        if is_free(x)
        and not by_x[x].get("pair")
        and not is_free(x - 1)
        and not is_free(x + 1)
        and (is_chosen(x - 1) or is_chosen(x + 1))
    ]


def _focus(seats: Sequence[Seat]) -> tuple[float, float]:
    if not seats:
        return 0.0, 0.0
    across, deep = [seat["x"] for seat in seats], [seat["y"] for seat in seats]
    return (min(across) + max(across)) / 2, min(deep) + (max(deep) - min(deep)) * FOCUS_DEPTH


def _centre(block: Sequence[Seat]) -> float:
    return sum(seat["x"] for seat in block) / len(block)


def _cost(block: Sequence[Seat], focus: tuple[float, float]) -> tuple[float, int, int]:
    deep = sum(seat["y"] for seat in block) / len(block)
    love = LOVE_SEAT_PENALTY if any(seat["kind"] == "love" for seat in block) else 0.0
    distance = hypot(_centre(block) - focus[0], (deep - focus[1]) * ROW_WEIGHT)
    return distance + love, block[0]["y"], block[0]["x"]


def _ids(block: Iterable[Seat]) -> tuple[str, ...]:
    return tuple(seat["seat"] for seat in block)
