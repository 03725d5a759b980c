"""Seat layouts from drawings."""

import pytest

from backend.core.problems import RuleBroken
from backend.ops.demo.chain import CINEMAS
from backend.venues.layouts import block, build, drawing, sellable


def test_seats_are_numbered_from_the_left_and_keep_their_places_beside_an_aisle():
    plan = build([".. ..", " .  ."])

    assert [(seat["seat"], seat["x"], seat["y"]) for seat in plan["seats"]] == [
        ("1-1", 1, 1),
        ("1-2", 2, 1),
        ("1-3", 4, 1),
        ("1-4", 5, 1),
        ("2-1", 2, 2),
        ("2-2", 5, 2),
    ]
    assert (plan["columns"], plan["rows"]) == (5, ["1", "2"])


def test_kinds_pairs_broken_seats_and_zones_are_read():
    plan = build(["w.x", "LLLL"], names=["A", "B"], zones={"love": ["B-1", "B-2"]})

    seats = {seat["seat"]: seat for seat in plan["seats"]}
    assert [seats[name]["kind"] for name in ("A-1", "A-2", "B-1")] == ["wheelchair", "standard", "love"]
    assert [seats[f"B-{number}"]["pair"] for number in range(1, 5)] == ["B-2", "B-1", "B-4", "B-3"]
    assert (seats["A-3"]["blocked"], sellable(plan["seats"])) == (True, 6)
    assert (seats["B-2"]["zone"], seats["B-3"]["zone"]) == ("love", "standard")


@pytest.mark.parametrize(
    "wrong",
    [
        {"drawing": ["?"]},
        {"drawing": ["L.."]},
        {"drawing": ["L L"]},
        {"drawing": ["LLL"]},
        {"drawing": ["   "]},
        {"drawing": []},
        {"drawing": ["..", ".."], "names": ["A"]},
        {"drawing": ["..", ".."], "names": ["A", "A"]},
        {"drawing": [".."], "names": ["A.B"]},
        {"drawing": [".."], "names": ["ROW10"]},
        {"drawing": [".."], "zones": {"golden": ["9-9"]}},
    ],
)
def test_a_hall_that_cannot_be_is_refused(wrong):
    with pytest.raises(RuleBroken):
        build(wrong.pop("drawing"), **wrong)


@pytest.mark.parametrize("hall", [hall for cinema in CINEMAS for hall in cinema.halls], ids=lambda hall: hall.name)
def test_a_drawing_is_given_back_as_it_was(hall):
    plan = build(hall.drawing, zones=hall.zones)

    assert drawing(plan["seats"], plan["columns"]) == [line.rstrip() for line in hall.drawing]
    assert len({seat["seat"] for seat in plan["seats"]}) == len(plan["seats"])


def test_the_demo_has_a_hall_of_20_by_11_and_one_of_30_by_18():
    sizes = {hall.name: build(hall.drawing) for hall in CINEMAS[0].halls}

    def shape(name: str) -> tuple[int, int]:
        plan = sizes[name]
        return len({seat["x"] for seat in plan["seats"]}), len(plan["rows"])

    assert (shape("3号厅"), shape("1号厅 IMAX")) == ((20, 11), (30, 18))


def test_a_block_names_its_seats():
    assert block([5, 6], range(7, 9)) == ["5-7", "5-8", "6-7", "6-8"]
