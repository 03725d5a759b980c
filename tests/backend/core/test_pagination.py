"""A list gives no more than it says, whatever a caller asks for."""

import pytest

from tests.factories import make_showtime, make_staff


@pytest.mark.parametrize("limit", ["0", "201", "0001000", "0000200", "-1", "1.0", "٣", "x", ""])
def test_a_limit_outside_of_1_to_200_is_refused(make_till, limit):
    till = make_till(make_staff()).log_in()

    answer = till.get(f"/api/v2/showtimes?limit={limit}")

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["limit"])


def test_a_limit_is_how_many_are_answered_and_the_next_page_has_the_others(make_till):
    shows = [make_showtime() for _ in range(3)]
    till = make_till(make_staff()).log_in()

    first = till.get("/api/v2/showtimes?limit=2").json()
    second = till.get(first["next"].removeprefix(till.origin)).json()

    assert len(first["results"]) == 2
    found = [show["id"] for show in first["results"] + second["results"]]
    assert sorted(found) == sorted(str(show["_id"]) for show in shows)
    assert second["next"] is None
