"""Take a picture of every window, screen and admin page, on demo data and servers of its own, into docs/images/."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.shell.driver import ShellDriver
from tests.support.workers import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
MANAGER, SELLER, OTHER_SELLER = "13800000001", "13800000002", "13800000005"  # the demo's, printed by `make run`
PASSWORD = "cinema-demo-2026"
SIZE = ViewportSize(width=1280, height=720)
TOMORROW = "[data-keys='Period NumpadDecimal']"
ADMIN_PAGES = {
    "admin-home": "/admin/",
    "admin-users": "/admin/accounts/user/",
    "admin-bindings": "/admin/accounts/devicebinding/",
    "admin-sessions": "/admin/accounts/staffsession/",
    "admin-login-log": "/admin/audit/loginlog/",
    "admin-security-log": "/admin/audit/securitylog/",
    "admin-orders": "/admin/boxoffice/order/",
}


@contextmanager
def demo_server(directory: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Run what `make run` runs, on a free port and an empty database; yield its origin, and what stops it."""
    port = free_port()
    environment = {**os.environ, "VAR_DIR": str(directory / "var"), "PORT": str(port), "DEBUG": "0"}
    process = subprocess.Popen([sys.executable, "-m", "backend.devtools.run"], cwd=ROOT, env=environment)

    def stop() -> None:
        process.terminate()
        process.wait(30)

    try:
        origin = f"http://127.0.0.1:{port}"
        wait_for(process, f"{origin}/healthz")
        yield origin, stop
    finally:
        stop()


def until(reached: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until `reached` holds."""
    give_up = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > give_up:
            raise RuntimeError("it did not happen")
        time.sleep(0.1)


def grab(shell: ShellDriver, name: str) -> None:
    """Save what the shell shows, once it has stopped changing."""
    time.sleep(1.0)
    shell.do("grab", path=str(IMAGES / f"{name}.png"))


def shell_at(origin: str, folder: Path, *, name: str, has_printer: bool) -> ShellDriver:
    """Start a shell on a machine of its own, in Chinese."""
    folder.mkdir()
    (folder / "machine-id").write_text(folder.name.encode().hex().ljust(32, "0"))
    (folder / "config.json").write_text(
        json.dumps({"language": "zh-hans", "heartbeat_seconds": 2, "printer": "小票机"})
    )
    machine = {"SHELL_DRIVER_MACHINE": name}
    if has_printer:
        machine["SHELL_DRIVER_PAPER"] = str(folder / "tickets.pdf")
    shell = ShellDriver(data_dir=folder, api_base_url=origin, environ=machine)
    shell.wait_for(lambda state: state.get("ready"))
    return shell


def shown(shell: ShellDriver, selector: str) -> bool:
    """Tell whether the page has what `selector` matches."""
    return bool(shell.do("js", script=f"document.querySelector({json.dumps(selector)}) !== null"))


def press_when_shown(shell: ShellDriver, selector: str) -> None:
    """Click an element of the page once it is there."""
    until(lambda: shown(shell, selector))
    time.sleep(0.7)  # a screen that has just come takes no click yet
    shell.click(selector)


def sell(shell: ShellDriver) -> None:
    """Go through a whole sale and take a picture of each step."""
    shell.do("log_in", phone=SELLER)
    shell.wait_for(lambda state: state["window"] == "till" and "/till/" in state.get("url", ""))
    press_when_shown(shell, TOMORROW)
    until(lambda: shown(shell, ".band"))
    grab(shell, "board")
    press_when_shown(shell, ".segments a")
    until(lambda: not shown(shell, ".band"))
    press_when_shown(shell, ".tile:last-of-type")
    press_when_shown(shell, "[data-size='2']")
    until(lambda: shown(shell, ".cash button"))
    grab(shell, "sell")
    shell.do("key", name="Return")
    until(lambda: shown(shell, ".sale[data-step=pay]"))
    grab(shell, "pay")
    shell.do("key", text="200")
    time.sleep(0.5)
    shell.do("key", name="Return")
    until(lambda: shown(shell, ".sale[data-step=done]"))
    time.sleep(2)  # until the map has looked again
    grab(shell, "done")


def sell_for_tomorrow(shell: ShellDriver, *, tile: int, seats: int) -> None:
    """Sell some seats of one of tomorrow's films."""
    press_when_shown(shell, "a[href='/till/']")
    press_when_shown(shell, TOMORROW)
    until(lambda: shown(shell, ".band"))
    press_when_shown(shell, f".film:nth-of-type({tile}) .tile")
    press_when_shown(shell, f"[data-size='{seats}']")
    press_when_shown(shell, ".cash button")
    until(lambda: shown(shell, ".sale[data-step=done]"))


def orders(shell: ShellDriver) -> None:
    """Take a picture of the day's orders with one open, and of its tickets."""
    for tile, seats in ((1, 3), (2, 1), (3, 4), (5, 2)):
        sell_for_tomorrow(shell, tile=tile, seats=seats)
    press_when_shown(shell, "a[href='/till/orders/']")
    press_when_shown(shell, ".order-rows a:nth-of-type(2)")
    until(lambda: shown(shell, ".ticket-cards"))
    grab(shell, "orders")
    press_when_shown(shell, "a[href$='/tickets']")
    until(lambda: shown(shell, ".ticket"))
    grab(shell, "ticket")


def back_office(page: Page, origin: str) -> None:
    """Take a picture of each admin page."""
    page.goto(f"{origin}/admin/login/?next=/admin/")
    page.screenshot(path=IMAGES / "admin-sign-in.png")
    page.fill("[name=username]", MANAGER)
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    for name, path in ADMIN_PAGES.items():
        page.goto(origin + path)
        page.screenshot(path=IMAGES / f"{name}.png")
    page.goto(f"{origin}/admin/accounts/user/?q={SELLER}")
    page.click("#result_list tbody th a")
    page.screenshot(path=IMAGES / "admin-user.png")


def unbind(page: Page, origin: str) -> None:
    """Take the seller's machine away, as a manager does."""
    page.goto(f"{origin}/admin/accounts/user/?q={SELLER}")
    page.check("[name=_selected_action]")
    page.select_option("[name=action]", "unbind")
    page.click("[name=index]")


def troubles(shell: ShellDriver, stop_server: Callable[[], None]) -> None:
    """Take pictures of a till without its printer, then without its server."""
    shell.do("log_in", phone=OTHER_SELLER)
    shell.wait_for(lambda state: state["window"] == "till" and "/till/" in state.get("url", ""))
    press_when_shown(shell, "a[href='/till/orders/']")
    press_when_shown(shell, ".order-rows a:nth-of-type(2)")
    press_when_shown(shell, "a[href$='/tickets']")
    press_when_shown(shell, "#print")
    shell.wait_for(lambda state: state["print"])
    grab(shell, "not-printed")
    press_when_shown(shell, "#back")
    shell.press("知道了")
    until(lambda: shown(shell, ".order-rows"))
    stop_server()
    shell.do("js", script="location.reload()")
    shell.wait_for(lambda state: state["showing"] == "native")
    grab(shell, "offline")


def main() -> None:
    """Make all pictures anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        demo_server(Path(scratch)) as (origin, stop_server),
        sync_playwright() as browsers,
        shell_at(origin, Path(scratch) / "till-1", name="1号台", has_printer=True) as shell,
        shell_at(origin, Path(scratch) / "till-2", name="2号台", has_printer=False) as other,
    ):
        browser = browsers.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, locale="zh-CN")
        grab(shell, "login-window")
        sell(shell)
        orders(shell)
        other.do("log_in", phone=SELLER)
        other.wait_for(lambda state: state.get("notice"))
        grab(other, "login-refused")
        back_office(page, origin)
        unbind(page, origin)
        shell.wait_for(lambda state: "解除" in state.get("native", ""))
        grab(shell, "session-ended")
        browser.close()
        troubles(other, stop_server)


if __name__ == "__main__":
    main()
