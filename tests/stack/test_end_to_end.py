"""The main job from end to end over TLS: real shell, the whole stack; a seat is sold, and access is taken away."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from backend.devtools.stack import Stack
from tests.shell.driver import ShellDriver
from tests.stack.opening import Opening, opened
from tests.stack.trust import trusting

pytestmark = pytest.mark.slow

MANAGER, PASSWORD = "13800000006", "cinema-demo-2026"  # of the demo data: of the whole chain
USUAL_HEARTBEAT, QUICK_HEARTBEAT = 60, 2  # seconds; the usual one is never what ends a session in this test
OUT_WITHIN = 2  # seconds of the next call
PRINTER = "a printer that this machine does not have"


class BackOffice:
    """The manager's browser: a session of the admin, with its CSRF token."""

    def __init__(self, stack: Stack) -> None:
        self.origin = stack.origin
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.browser.verify = str(stack.ca_file)
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
def database(stack: Stack) -> Iterator[Database[dict[str, Any]]]:
    """The stack's database."""
    with MongoClient[dict[str, Any]](stack.mongo_uri) as client:
        yield client[stack.environment["MONGO_DB"]]


@pytest.fixture
def cinema(stack: Stack) -> Opening:
    """One seller, one showtime."""
    return opened(stack, staff=1, showtimes=1)


@pytest.fixture
def machine(tmp_path: Path, stack: Stack) -> Iterator[Callable[[str, int], ShellDriver]]:
    """Start a shell on a machine of its own: another name is another key and another machine code."""
    running: list[ShellDriver] = []

    def start(name: str, heartbeat_seconds: int) -> ShellDriver:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "machine-id").write_text(name.encode().hex().ljust(32, "0"))
        settings = {"heartbeat_seconds": heartbeat_seconds, "language": "en", "printer": PRINTER}
        (folder / "config.json").write_text(json.dumps(settings))
        user = trusting(folder / "home", stack.ca_file)
        shell = ShellDriver(data_dir=folder, api_base_url=stack.origin, environ=user)
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


def test_a_seat_is_sold_and_access_taken_away(
    stack: Stack, database: Database[dict[str, Any]], cinema: Opening, machine: Callable[[str, int], ShellDriver]
) -> None:
    phone, show = cinema.phones[0], ObjectId(cinema.showtimes[0])
    seller = database.users.find_one({"phone": phone})["_id"]
    orders = {"showtime": show}
    shell = machine("till-1", USUAL_HEARTBEAT)

    # The first log-in binds this machine, and the screens open.
    shell.do("log_in", phone=phone)
    shell.wait_for(lambda state: state["window"] == "till" and "/till/" in state.get("url", ""))
    bound = eventually(lambda: database.users.find_one({"_id": seller})["device"])
    log = database.loginLogs.find_one({"phone": phone})
    assert (log["result"], log["machineCode"]) == ("success", bound["machineCode"])

    # Two seats by clicking in the web view.
    click_until(shell, ".tile", lambda: "/showtimes/" in shell.state()["url"])
    click_until(shell, "[data-size='2']", lambda: database.orders.find_one({**orders, "state": "held"}))
    held = database.orders.find_one(orders)
    click_until(shell, ".cash button", lambda: database.orders.find_one(orders)["state"] == "paid")
    order = eventually(lambda: database.orders.find_one({"_id": held["_id"], "state": "paid"}))
    assert (len(order["seats"]), len(order["tickets"]), order["showtime"]) == (2, 2, show)
    assert order["staff"]["phone"] == phone
    assert order["device"]["machineCode"] == bound["machineCode"]
    taken = database.seatMaps.find_one({"_id": show})["seats"]
    assert {seat: each["state"] for seat, each in taken.items()} == {line["seat"]: "sold" for line in order["seats"]}

    # No printer: the till says so, and where the tickets can be printed.
    told = shell.wait_for(lambda state: state["print"])["print"]
    assert PRINTER in told
    assert "print it again from Orders" in told

    # The manager sees it.
    office = BackOffice(stack)
    assert order["number"] in office.page("/admin/boxoffice/order/")
    assert order["tickets"][0]["number"] in office.page(f"/admin/boxoffice/order/{order['_id']}/change/")

    # The manager unbinds while the seller looks at the orders, a page that asks nothing by itself:
    # out within two seconds of the next click.
    click_until(shell, "a[href='/till/orders/']", lambda: shell.state()["url"].endswith("/till/orders/"))
    eventually(lambda: shell.do("js", script="document.querySelector('.order-rows a') !== null"))
    office.act("unbind", seller)
    assert shell.state()["showing"] == "screens"
    shell.click(".order-rows a")
    shell.wait_for(lambda state: "unbound" in state.get("native", ""), seconds=OUT_WITHIN)

    # The same machine is refused, and its reference leads to the reason.
    shell.press("Back to log-in")
    shell.wait_for(lambda state: state["window"] == "login" and state.get("ready"))
    shell.do("log_in", phone=phone)
    notice = shell.wait_for(lambda state: state.get("notice"))["notice"]
    reference = re.search(r"[A-Z0-9]{3}-[A-Z0-9]{3}", notice)
    assert reference is not None, notice
    found = office.page(f"/admin/audit/loginlog/?q={reference[0]}")
    assert "window_closed" in found

    # The window is opened, and another machine binds.
    office.act("open_window", seller)
    other = machine("till-2", QUICK_HEARTBEAT)
    other.do("log_in", phone=phone)
    other.wait_for(lambda state: state["window"] == "till")
    device = database.users.find_one({"_id": seller})["device"]
    assert device["machineCode"] != bound["machineCode"]

    # The manager unbinds again, and nobody touches anything: out within two seconds of the next heartbeat.
    office.act("unbind", seller)
    other.wait_for(lambda state: "unbound" in state.get("native", ""), seconds=QUICK_HEARTBEAT + OUT_WITHIN)
