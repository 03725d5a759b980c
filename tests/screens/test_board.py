"""The schedule board shows what can be sold, and leads to it."""

from datetime import timedelta

from backend.core import clock
from backend.core.mongo import collection
from tests import factories


def test_the_board_shows_a_film_with_its_showtime_hall_and_free_seats(screen, showtime):
    page = screen.get("/till/").content.decode()

    assert "长夜将明" in page
    assert "3号厅" in page
    assert "60 left" in page
    assert f'href="/till/showtimes/{showtime["_id"]}/"' in page


def test_the_page_names_its_language_and_both_languages_can_be_chosen(open_screen, showtime):
    assert '<html lang="en"' in open_screen().get("/till/").content.decode()

    chinese = open_screen(language="zh-hans").get("/till/").content.decode()

    assert '<html lang="zh-hans"' in chinese
    assert "余 60" in chinese
    assert "场次号" in chinese


def test_a_day_without_showtimes_says_so(screen):
    assert "No sessions left today. Press . for tomorrow" in screen.get("/till/").content.decode()


def test_a_session_code_leads_straight_to_the_session(screen, showtime):
    answer = screen.get(f"/till/?code={showtime['code']}")

    assert (answer.status_code, answer["Location"]) == (303, f"/till/showtimes/{showtime['_id']}/")


def test_few_seats_are_a_word_and_not_a_colour_alone(screen, hall):
    small = factories.make_hall(factories.make_cinema(), rows=1, seats_per_row=2)
    assert small["seatsTotal"] == 2
    show = factories.make_showtime(hall, starts_at=clock.now() + timedelta(minutes=5))
    screen.hold(show, seats=",".join(f"{row}-{number}" for row in range(1, 6) for number in range(1, 11)))

    assert "Only 10 left" in screen.get("/till/").content.decode()


def test_a_showtime_that_began_long_ago_is_gone(screen, hall):
    factories.make_showtime(hall, starts_at=clock.now() - timedelta(minutes=16))

    assert "tile-" not in screen.get("/till/").content.decode()


def test_another_cinemas_showtime_is_not_there_at_all(screen):
    elsewhere = factories.make_showtime(factories.make_hall())

    assert screen.get(f"/till/showtimes/{elsewhere['_id']}/").status_code == 404


def test_theme_and_text_size_are_remembered_and_nothing_else_is(screen):
    answer = screen.post("/till/display", theme="dark", text="huge", next="//elsewhere.example/")

    assert answer["Location"] == "/till/"
    assert 'data-theme="dark" data-text="normal"' in screen.get("/till/").content.decode()


def test_the_language_switch_comes_back_to_the_page(screen):
    answer = screen.post("/till/language", language="zh-hans", next="/till/orders/")

    assert (answer.status_code, answer["Location"]) == (303, "/till/orders/")
    assert '<html lang="zh-hans"' in screen.get("/till/").content.decode()


def test_a_showtime_is_on_the_board_while_it_is_sold_however_long_a_manager_lets_it(screen, hall):
    now = clock.now()
    longer = factories.make_showtime(hall, starts_at=now - timedelta(minutes=16))
    collection("showtimes").update_one({"_id": longer["_id"]}, {"$set": {"salesEndAt": now + timedelta(minutes=5)}})

    assert "Started 16 min ago" in screen.get("/till/").content.decode()

    collection("showtimes").update_one({"_id": longer["_id"]}, {"$set": {"salesEndAt": now - timedelta(minutes=5)}})
    assert "tile-" not in screen.get("/till/").content.decode()


def test_a_showtime_that_a_manager_closed_before_its_start_is_there_and_says_so(screen, showtime):
    collection("showtimes").update_one({"_id": showtime["_id"]}, {"$set": {"salesEndAt": clock.now()}})

    assert "Closed" in screen.get("/till/").content.decode()
