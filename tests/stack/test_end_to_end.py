"""The main job from end to end: real shell, real workers, real database; a seat is sold, and access is taken away."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from backend.core.mongo import collection
from tests.factories import make_cinema, make_hall, make_showtime, make_staff
from tests.shell.driver import ShellDriver

MANAGER, SELLER, PASSWORD = "13900000001", "13900000002", "cinema-demo-2026"
USUAL_HEARTBEAT, QUICK_HEARTBEAT = 60, 2  # seconds; the usual one is never what ends a session in this test
OUT_WITHIN = 2  # seconds of the next call
PRINTER = "a printer that this machine does not have"


class BackOffice:
    """The manager's browser: a session of the admin, with its CSRF token."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.post("/admin/login/?next=/admin/", username=MANAGER, password=PASSWORD)

    def page(self, path: str) -> str:
        """Return an admin page."""
        answer = self.browser.get(self.origin + path, timeout=20)
        assert answer.status_code == 200, path
        return answer.text

    def post(self, path: str, **fields: str) -> str:
        """Send the form of an admin page."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page(path))
        assert token is not None, path
        values = {"csrfmiddlewaretoken": token[1], **fields}
        answer = self.browser.post(self.origin + path, data=values, headers={"Referer": self.origin + path}, timeout=20)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def act(self, action: str, account: object) -> str:
        """Run an action of the account list on one account."""
        return self.post("/admin/accounts/user/", action=action, _selected_action=str(account))


@pytest.fixture
def origin(gunicorn: Callable[..., str]) -> str:
    return gunicorn(workers=2)


@pytest.fixture
def machine(tmp_path: Path, origin: str) -> Iterator[Callable[[str, int], ShellDriver]]:
    """Start a shell on a machine of its own: another name is another key and another machine code."""
    running: list[ShellDriver] = []

    def start(name: str, heartbeat_seconds: int) -> ShellDriver:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "machine-id").write_text(name.encode().hex().ljust(32, "0"))
        settings = {"heartbeat_seconds": heartbeat_seconds, "language": "en", "printer": PRINTER}
        (folder / "config.json").write_text(json.dumps(settings))
        shell = ShellDriver(data_dir=folder, api_base_url=origin)
        running.append(shell)
        shell.wait_for(lambda state: state.get("ready"))
        return shell

    yield start
    for shell in running:
        shell.__exit__()


def eventually(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what `look` finds as soon as it finds something."""
    give_up = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)
    return found


def click_until(shell: ShellDriver, selector: str, reached: Callable[[], Any]) -> None:
    """Click what matches, and again where the page was not ready for it, until `reached` holds."""
    for _click in range(6):
        eventually(lambda: shell.do("click", selector=selector))
        give_up = time.monotonic() + 3
        while time.monotonic() < give_up:
            if reached():
                return
            time.sleep(0.05)
    raise AssertionError(f"clicking {selector} led nowhere: {shell.state()}")


def test_a_seat_is_sold_and_access_taken_away(origin: str, machine: Callable[[str, int], ShellDriver]) -> None:
    cinema = make_cinema(name="星河影城")
    make_staff("chain_manager", phone=MANAGER, password=PASSWORD)
    seller = make_staff("seller", phone=SELLER, cinemas=[cinema], name="王小琳")
    show = make_showtime(make_hall(cinema))
    shell = machine("till-1", USUAL_HEARTBEAT)

    # The first log-in binds this machine, and the screens open.
    shell.do("log_in", phone=SELLER)
    shell.wait_for(lambda state: state["window"] == "till" and "/till/" in state.get("url", ""))
    bound = eventually(lambda: (collection("users").find_one({"_id": seller.id}) or {}).get("device"))
    log = collection("loginLogs").find_one({"phone": SELLER}) or {}
    assert (log["result"], log["machineCode"]) == ("success", bound["machineCode"])

    # Two seats by clicking in the web view.
    click_until(shell, ".tile", lambda: "/showtimes/" in shell.state()["url"])
    click_until(shell, "[data-size='2']", lambda: collection("orders").find_one({"state": "held"}))
    held = collection("orders").find_one({"state": "held"}) or {}
    click_until(shell, ".cash button", lambda: (collection("orders").find_one({}) or {})["state"] == "paid")
    order = eventually(lambda: collection("orders").find_one({"_id": held["_id"], "state": "paid"}))
    assert (len(order["seats"]), len(order["tickets"]), order["showtime"]) == (2, 2, show["_id"])
    assert order["staff"]["phone"] == SELLER
    assert order["device"]["machineCode"] == bound["machineCode"]
    taken = (collection("seatMaps").find_one({"_id": show["_id"]}) or {})["seats"]
    assert {seat: each["state"] for seat, each in taken.items()} == {line["seat"]: "sold" for line in order["seats"]}

    # No printer: the till says so, and where the tickets can be printed.
    told = shell.wait_for(lambda state: state["print"])["print"]
    assert PRINTER in told
    assert "print it again from Orders" in told

    # The manager sees it.
    office = BackOffice(origin)
    assert order["number"] in office.page("/admin/boxoffice/order/")
    assert order["tickets"][0]["number"] in office.page(f"/admin/boxoffice/order/{order['_id']}/change/")

    # The manager unbinds while the seller looks at the orders, a page that asks nothing by itself:
    # out within two seconds of the next click.
    click_until(shell, "a[href='/till/orders/']", lambda: shell.state()["url"].endswith("/till/orders/"))
    eventually(lambda: shell.do("js", script="document.querySelector('.order-rows a') !== null"))
    office.act("unbind", seller.id)
    assert shell.state()["showing"] == "screens"
    shell.click(".order-rows a")
    shell.wait_for(lambda state: "unbound" in state.get("native", ""), seconds=OUT_WITHIN)

    # The same machine is refused, and its reference leads to the reason.
    shell.press("Back to log-in")
    shell.wait_for(lambda state: state["window"] == "login" and state.get("ready"))
    shell.do("log_in", phone=SELLER)
    notice = shell.wait_for(lambda state: state.get("notice"))["notice"]
    reference = re.search(r"[A-Z0-9]{3}-[A-Z0-9]{3}", notice)
    assert reference is not None, notice
    found = office.page(f"/admin/audit/loginlog/?q={reference[0]}")
    assert "window_closed" in found

    # The window is opened, and another machine binds.
    office.act("open_window", seller.id)
    other = machine("till-2", QUICK_HEARTBEAT)
    other.do("log_in", phone=SELLER)
    other.wait_for(lambda state: state["window"] == "till")
    device = (collection("users").find_one({"_id": seller.id}) or {})["device"]
    assert device["machineCode"] != bound["machineCode"]

    # The manager unbinds again, and nobody touches anything: out within two seconds of the next heartbeat.
    office.act("unbind", seller.id)
    other.wait_for(lambda state: "unbound" in state.get("native", ""), seconds=QUICK_HEARTBEAT + OUT_WITHIN)
