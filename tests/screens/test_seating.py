"""Which seats a party is offered: pure functions, tried on drawn halls."""

import pytest

from backend.boxoffice.seating import best_available, nearest, orphans, without_orphan


def hall(*rows: str) -> list[dict]:
    """Return the seats of a drawn hall: `.` free, `#` sold, `w` wheelchair, `L` love seat half, a space an aisle."""
    seats = []
    for y, row in enumerate(rows, 1):
        line: list[dict] = []
        for x, mark in enumerate(row, 1):
            if mark == " ":
                continue
            kind = {"w": "wheelchair", "L": "love"}.get(mark, "standard")
            state = "sold" if mark == "#" else "free"
            number = str(len(line) + 1)
            line.append(
                {
                    "seat": f"{y}-{number}",
                    "row": str(y),
                    "number": number,
                    "x": x,
                    "y": y,
                    "kind": kind,
                    "zone": "standard",
                    "state": state,
                }
            )
        halves = [seat for seat in line if seat["kind"] == "love"]
        for left, right in zip(halves[::2], halves[1::2], strict=True):
            left["pair"], right["pair"] = right["seat"], left["seat"]
        seats += line
    return seats


def offered(seats: list[dict], size: int, **kwargs: int) -> tuple[str, ...]:
    proposal = best_available(seats, size, **kwargs)
    assert proposal is not None
    return proposal.seats


def test_the_best_seats_are_in_the_middle_two_thirds_back():
    assert offered(hall(*["........."] * 7), 3) == ("5-4", "5-5", "5-6")


def test_a_party_is_not_split_by_an_aisle():
    assert offered(hall("... ..", "... .."), 3) == ("2-1", "2-2", "2-3")


def test_a_wheelchair_place_is_not_offered_to_a_party():
    assert offered(hall("w.."), 2) == ("1-2", "1-3")


def test_a_love_seat_is_sold_whole_and_after_the_others():
    assert offered(hall("....", "LLLL"), 2)[0].startswith("1-")
    assert best_available(hall("LL"), 1) is None
    assert offered(hall("LL"), 2) == ("1-1", "1-2")


def test_no_seat_is_left_alone_where_another_block_leaves_none():
    assert offered(hall("#....#"), 2) in {("1-2", "1-3"), ("1-4", "1-5")}
    assert orphans(hall("#.....#"), {"1-3", "1-4"}) == ("1-2",)
    assert without_orphan(hall("#.....#"), {"1-3", "1-4"}) == ("1-2", "1-3")


def test_a_seat_left_alone_is_forgiven_where_nothing_better_is_left():
    assert orphans(hall("#...#"), {"1-2", "1-3"}) == ()


def test_each_refusal_offers_another_block_and_comes_round_in_the_end():
    seats = hall("......")
    found = [offered(seats, 2, skip=skip) for skip in range(4)]

    assert found[0] not in found[1:3]
    assert found[3] == found[0]


def test_a_party_too_large_for_a_row_sits_in_two_adjacent_ones():
    proposal = best_available(hall("....", "....", "####"), 6)

    assert proposal is not None
    assert proposal.rows == 2
    assert {seat.partition("-")[0] for seat in proposal.seats} == {"1", "2"}
    assert len(proposal.seats) == 6


@pytest.mark.parametrize("rows", [("##",), (".#.#.",)])
def test_nothing_is_offered_where_nothing_is_together(rows):
    assert best_available(hall(*rows), 2) is None


def test_the_nearest_block_to_lost_seats_is_in_their_row():
    proposal = nearest(hall("........", "..#.....", "........"), ["2-3", "2-4"])

    assert proposal is not None
    assert proposal.seats == ("2-4", "2-5")
