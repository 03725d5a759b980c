"""A browser sells: by keyboard alone, by clicks, against another till, and after a hold ran out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pymongo.collection import Collection

from backend.core import clock
from backend.core.mongo import collection
from tests import factories
from tests.backend.accounts.state import redis
from tests.support.till import Till

KEY_GAP = 80  # ms: a person's, not a scanner's
SCAN = """text => [...text, "Enter"].forEach((key) => dispatchEvent(
    new KeyboardEvent("keydown", { key, code: key === "Enter" ? key : `Digit${key}`, cancelable: true })))"""
ZONE = """() => {
    const line = document.querySelector(".zone-line");
    const seats = [...document.querySelectorAll("[data-seat]")];
    const point = (seat, x, y) => new DOMPoint(x, y).matrixTransform(seat.transform.baseVal.consolidate().matrix);
    const name = (seat) => seat.dataset.seat;
    const round = [...Array(31).keys()].flatMap((n) => [[3 + n, 4], [3 + n, 32], [3, 4 + n % 29], [33, 4 + n % 29]]);
    const touches = (seat) => round.some(([x, y]) => line.isPointInStroke(point(seat, x, y)));
    return [seats.filter((seat) => line.isPointInFill(point(seat, 18, 18))).map(name), seats.filter(touches).map(name)];
}"""
# What browser and htmx say of a refusal (409, 422) or of a network that a test took away.
NO_FAULT = ("status of 4", "Status Error Code 4", "net::ERR_FAILED", "htmx:sendError", "htmx:afterRequest")


@dataclass
class Shop:
    """A browser window at one till, and a second till beside it.

    The collections are fetched before the browser starts: afterwards Django refuses to, in this thread.
    """

    page: Page
    till: Till
    other: Till
    showtime: dict[str, Any]
    orders: Collection[dict[str, Any]]
    seat_maps: Collection[dict[str, Any]]
    sessions: Collection[dict[str, Any]]

    def ends_in(self, time: timedelta) -> None:
        """Let the log-in end so soon; the workers' copies of it are forgotten."""
        self.sessions.update_many({"phone": self.till.phone}, {"$set": {"expiresAt": clock.now() + time}})
        for key in redis().keys("live:*"):
            redis().delete(key)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(KEY_GAP)

    def scan(self, text: str) -> None:
        """Type as a scanner does: faster than a driver that speaks to the browser key by key can."""
        self.page.evaluate(SCAN, text)

    def step(self, name: str) -> None:
        self.page.wait_for_selector(f".sale[data-step={name}]", timeout=10_000)

    def seats(self) -> list[str]:
        return (self.page.get_attribute(".sale", "data-seats") or "").split(",")

    def open(self) -> None:
        self.page.goto(f"{self.till.origin}/till/showtimes/{self.showtime['_id']}/")
        self.page.wait_for_selector("[data-seat]")

    def blind(self) -> None:
        """Let the page see no change of the seat map any more."""
        self.page.route("**/seat-map", lambda route: route.fulfill(status=304))

    def lapse(self) -> None:
        """Let every hold run out."""
        past = clock.now() - timedelta(seconds=1)
        for order in self.orders.find({"state": "held"}):
            self.orders.update_one({"_id": order["_id"]}, {"$set": {"expiresAt": past}})
            untils = {f"seats.{line['seat']}.until": past for line in order["seats"]}
            self.seat_maps.update_one({"_id": order["showtime"]}, {"$set": untils, "$inc": {"version": 1}})

    def price_zone(self, seats: list[str]) -> None:
        """Let these seats stand in a zone that costs more."""
        layouts, showtimes = (self.orders.database[name] for name in ("hallLayouts", "showtimes"))
        layouts.update_many({}, {"$set": {"seats.$[one].zone": "golden"}}, array_filters=[{"one.seat": {"$in": seats}}])
        price = {**self.showtime["prices"][0], "zone": "golden", "zoneLabel": "黄金区"}
        showtimes.update_many({}, {"$push": {"prices": price}})

    def paid(self) -> list[dict[str, Any]]:
        return list(self.orders.find({"state": "paid"}))


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        window = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield window
        window.close()


@pytest.fixture
def shop(gunicorn: Callable[..., str], make_till: Callable[..., Till], request: Any) -> Iterator[Shop]:
    """A window on the schedule board; it fails the test where the page logs an error or breaks its policy."""
    cinema = factories.make_cinema(name="星河影城")
    hall = factories.make_hall(cinema, rows=6, seats_per_row=10)
    showtime = factories.make_showtime(
        hall, film=factories.make_film(title="长夜将明"), starts_at=clock.now() + timedelta(minutes=5)
    )
    tills = [factories.make_staff("seller", cinemas=[cinema]) for _till in range(2)]
    origin = gunicorn(workers=2)
    till, other = (make_till(staff, origin=origin).log_in() for staff in tills)
    address = till.post("/api/v2/web-session").json()["url"]
    orders, seat_maps, sessions = (collection(name) for name in ("orders", "seatMaps", "staffSessions"))
    browser = request.getfixturevalue("browser")
    page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    page.set_default_timeout(10_000)
    page.context.add_cookies([{"name": "django_language", "value": "en", "url": origin}])
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(address)
    yield Shop(page, till, other, showtime, orders, seat_maps, sessions)
    assert not [fault for fault in faults if not any(known in fault for known in NO_FAULT)]


def test_two_seats_are_sold_by_keyboard_alone(shop):
    shop.keys(*shop.showtime["code"])
    shop.page.wait_for_selector("[data-seat]")
    shop.keys("2")
    shop.step("held")
    shop.keys("Enter")
    shop.step("pay")
    shop.page.wait_for_timeout(300)
    shop.keys("2", "0", "0")
    expect(shop.page.locator("#change")).to_have_text("¥110")

    shop.keys("Enter", "Enter")  # the second is a bounced key

    shop.step("done")
    expect(shop.page.locator(".change-box strong")).to_have_text("¥110")
    [order] = shop.paid()
    assert [line["seat"] for line in order["seats"]] == ["4-5", "4-6"]
    shop.page.wait_for_timeout(650)
    shop.keys("Enter")
    shop.page.wait_for_url("**/till/#tile-*")
    assert shop.page.evaluate("document.activeElement.dataset.code") == shop.showtime["code"]


def test_two_seats_are_sold_by_three_clicks(shop):
    shop.page.click(".tile")
    shop.page.wait_for_selector("[data-seat]")
    shop.page.click("[data-size='2']")
    shop.step("held")

    shop.page.click(".cash button:nth-child(2)")

    shop.step("done")
    expect(shop.page.locator(".change-box strong")).to_have_text("¥10")
    assert len(shop.paid()) == 1


def test_what_was_just_sold_shows_as_sold_before_the_next_look_at_the_map(shop):
    shop.open()
    shop.keys("2")
    shop.step("held")
    shop.blind()

    shop.page.click(".cash button:nth-child(2)")

    shop.step("done")
    states = [shop.page.get_attribute(f"[data-seat='{seat}']", "class") for seat in ("4-5", "4-6")]
    assert states == ["seat is-sold", "seat is-sold"]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_the_outline_of_a_price_zone_is_round_its_seats_and_touches_none(shop, width, height):
    golden = ["3-4", "3-5", "3-6", "4-4", "4-5", "4-6", "4-7", "2-9"]  # not a rectangle, and in two parts
    shop.price_zone(golden)
    shop.page.set_viewport_size({"width": width, "height": height})
    shop.open()

    inside, touched = shop.page.evaluate(ZONE)

    assert (sorted(inside), touched) == (sorted(golden), [])
    words, numbers = (shop.page.locator(each).first.bounding_box() for each in (".zone-word", ".row-number >> nth=1"))
    assert words["x"] >= numbers["x"] + numbers["width"]
    assert words["x"] + words["width"] <= width - shop.page.locator(".panel").bounding_box()["width"]


def test_a_click_places_the_group_and_a_click_on_ones_own_seat_lifts_it(shop):
    shop.open()
    shop.keys("3")
    shop.step("held")

    shop.page.click("[data-seat='2-9']")
    expect(shop.page.locator(".sale")).to_have_attribute("data-seats", "2-8,2-9,2-10")
    expect(shop.page.locator(".seat-line h2")).to_have_text("Row 2 · 8–10")
    shop.page.click("[data-seat='2-10']")

    expect(shop.page.locator(".seat-line h2")).to_have_text("Row 2 · 8, 9")
    assert shop.page.get_attribute("[data-seat='2-10']", "aria-selected") == "false"


def test_ticket_types_change_by_function_keys(shop):
    shop.open()
    shop.keys("2")
    shop.step("held")

    shop.keys("F2")
    expect(shop.page.locator(".total dd")).to_have_text("¥80")
    shop.keys("Shift+F2")

    expect(shop.page.locator(".total dd")).to_have_text("¥90")


def test_the_map_is_walked_and_placed_with_arrows_and_space(shop):
    shop.open()
    shop.keys("/", "1", ".", "3", "Enter", "ArrowDown", "ArrowRight", "Space")

    expect(shop.page.locator(".sale")).to_have_attribute("data-seats", "2-4")
    assert shop.page.evaluate("document.activeElement.getAttribute('role')") == "gridcell"
    label = shop.page.get_attribute("[data-seat='2-4']", "aria-label")
    assert label is not None
    assert label.startswith("Row 2 seat 4")
    assert label.endswith("yours")


def test_another_tills_sale_shows_within_seconds(shop):
    shop.open()
    assert shop.page.get_attribute("[data-seat='3-3']", "class") == "seat is-free"

    shop.other.sell(shop.showtime, "3-3")

    shop.page.wait_for_selector("[data-seat='3-3'].is-sold", timeout=4000, state="attached")
    assert shop.page.get_attribute("[data-seat='3-3']", "aria-disabled") == "true"


def test_a_conflict_moves_the_group_and_enter_only_accepts(shop):
    shop.open()
    shop.keys("2")
    shop.step("held")
    shop.blind()
    shop.other.sell(shop.showtime, "2-6")

    shop.page.click("[data-seat='2-5']")

    shop.step("conflict")
    assert "Row 2 seat 6 was just taken at TILL-1" in shop.page.inner_text(".message")
    moved = shop.seats()
    shop.keys("Enter")
    shop.step("held")
    assert shop.seats() == moved
    assert shop.paid()[0]["seats"][0]["seat"] == "2-6", "only the other till has sold"
    assert len(shop.paid()) == 1


def test_a_hold_that_ran_out_is_held_again_by_enter(shop):
    shop.page.clock.install()
    shop.open()
    shop.keys("2")
    shop.step("held")
    shop.lapse()

    shop.page.clock.fast_forward(5 * 60 * 1000)

    shop.step("expired")
    assert "Row 4 seats 5, 6 are still free." in shop.page.inner_text(".message")
    shop.keys("Enter")
    shop.step("held")
    assert shop.seats() == ["4-5", "4-6"]


def test_a_scan_types_nothing_and_its_enter_presses_nothing(shop):
    shop.open()
    shop.keys("2")
    shop.step("held")

    shop.scan("884219075512")
    shop.page.wait_for_timeout(300)

    assert shop.page.get_attribute(".sale", "data-step") == "held"
    assert shop.seats() == ["4-5", "4-6"]


def test_a_scanned_ticket_opens_its_order(shop):
    order = shop.other.sell(shop.showtime, "1-1")
    shop.page.goto(f"{shop.till.origin}/till/orders/")

    shop.scan(order["tickets"][0]["number"])

    shop.page.wait_for_url("**/till/orders/?q=*")
    assert order["number"] in shop.page.inner_text(".order-main")


def test_the_longest_ticket_fits_the_paper_that_it_is_printed_on(shop):
    order = shop.other.sell(shop.showtime, "1-1")
    shop.page.goto(f"{shop.till.origin}/till/orders/{order['id']}/tickets")
    shop.page.emulate_media(media="print")

    lengthen = """() => {
        document.querySelector(".film").textContent = "一部名字特别长的电影".repeat(5);
        document.querySelector(".head b").textContent = "星河影城人民路万象城购物中心旗舰店（激光巨幕厅）";
        document.querySelector(".version span").textContent = "国语 英文字幕 IMAX 3D 激光 杜比全景声 加长版";
        const ticket = document.querySelector(".ticket").getBoundingClientRect();
        return [ticket.width, ticket.height].map((pixels) => pixels * 25.4 / 96);
    }"""
    width, height = shop.page.evaluate(lengthen)

    assert round(width) == 80
    assert 115 < height <= 130, "the page of ticket.css and of the shell's printer"
    assert not shop.page.is_visible(".tools")


def test_a_lost_server_is_a_shape_and_words_and_the_order_is_kept(shop):
    shop.open()
    shop.keys("2")
    shop.step("held")
    shop.page.route("**/till/**", lambda route: route.abort())

    shop.page.click("[data-seat='2-5']")

    shop.page.wait_for_selector("[data-connection=lost]", state="attached")
    assert "No connection. Selling is paused; this order is kept" in shop.page.inner_text("#trouble")
    expect(shop.page.locator(".sale")).to_have_attribute("data-seats", "4-5,4-6")
    expect(shop.page.locator("[data-seat='4-5']")).to_have_attribute("aria-selected", "true")
    shop.page.unroute("**/till/**")


def test_the_end_of_the_log_in_is_announced_half_an_hour_before(shop):
    shop.open()
    expect(shop.page.locator(".bar-ends")).to_be_hidden()

    shop.ends_in(timedelta(minutes=29))
    shop.open()

    expect(shop.page.locator(".bar-ends")).to_be_visible()
    expect(shop.page.locator(".bar-ends")).to_contain_text("Log-in ends at")


def test_it_is_announced_on_a_page_that_stays_open(shop):
    shop.ends_in(timedelta(minutes=30, seconds=3))
    shop.open()
    expect(shop.page.locator(".bar-ends")).to_be_hidden()

    expect(shop.page.locator(".bar-ends")).to_be_visible(timeout=10_000)


def test_an_ended_session_shows_the_page_that_says_so(shop):
    shop.open()
    shop.till.log_out()

    shop.page.wait_for_selector("meta[name=till-ended]", state="attached", timeout=5000)


def test_nothing_is_cut_off_and_the_primary_action_is_in_sight_in_either_size_and_theme(shop):
    shop.open()
    for press, step in (("2", "held"), ("Enter", "pay")):
        shop.keys(press)
        shop.step(step)
        for width, height in ((1280, 720), (1920, 1080)):
            shop.page.set_viewport_size({"width": width, "height": height})
            box = shop.page.locator(".primary").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height, (step, height)
            assert not shop.page.evaluate("document.documentElement.scrollWidth > innerWidth"), (step, width)
    shop.page.emulate_media(color_scheme="dark")
    assert shop.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 16, 20)"


def test_a_customers_payment_code_is_never_searched(shop):
    shop.page.goto(f"{shop.till.origin}/till/orders/")

    shop.scan("134512345678901234")
    shop.page.wait_for_timeout(300)

    assert shop.page.url.endswith("/till/orders/")
    assert shop.page.get_attribute("[name=q]", "placeholder") == "A payment code is not searched"


OFFICE_PAGES = (
    "",
    "accounts/user/?q=1",
    "accounts/user/add/",
    "venues/cinema/add/",
    "venues/hall/add/",
    "programme/showtime/add/",
    "audit/loginlog/",
    "password_change/",
)


def test_the_back_office_and_the_documentation_break_no_policy(gunicorn, db, request):
    chief = factories.make_staff("chain_manager", password="quite-a-long-password-1")
    origin = gunicorn(workers=1)
    page = request.getfixturevalue("browser").new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    told = {"error", "warning"}
    page.on(
        "console",
        lambda message: faults.append(f"{message.text} {message.location['url']}") if message.type in told else None,
    )
    page.goto(f"{origin}/admin/login/?next=/admin/")
    page.fill("#id_username", chief.phone)
    page.fill("#id_password", "quite-a-long-password-1")
    page.click("[type=submit]")
    page.wait_for_selector("#content-main")

    for path in OFFICE_PAGES:
        answer = page.goto(f"{origin}/admin/{path}")
        assert answer.status == 200, path
        assert "default-src 'self'" in answer.headers["content-security-policy"], path
    page.goto(f"{origin}/api/docs/")
    page.wait_for_selector(".opblock", timeout=20_000)

    assert [fault for fault in faults if "/favicon.ico" not in fault] == []  # which a browser asks for by itself
