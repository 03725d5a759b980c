"""What pictures are taken of: a demo server, two shells, a third till, a browser for the office."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, ViewportSize, sync_playwright
from pymongo import MongoClient
from pymongo.database import Database

from tests.shell.driver import ShellDriver
from tests.support.till import Answer, Till
from tests.support.workers import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
# The demo's, printed by `make run`.
MANAGER, SELLER, SUPERVISOR, OTHER_SELLER = "13800000001", "13800000002", "13800000004", "13800000005"
PASSWORD = "cinema-demo-2026"
OFFICE = ViewportSize(width=1440, height=900)


@dataclass
class Studio:
    """Everything that can stand before the camera; `wanted` says what is kept."""

    wanted: frozenset[str]
    origin: str
    stop_server: Callable[[], None]
    shell: ShellDriver
    other: ShellDriver
    page: Page
    database: Database[dict[str, Any]]
    third: Till = field(init=False)

    def __post_init__(self) -> None:
        self.third = Till(self._send, origin=self.origin, phone=SUPERVISOR)

    def grab(self, shell: ShellDriver, name: str) -> None:
        """Save what a shell shows, once it has stopped changing."""
        if name in self.wanted:
            time.sleep(1.0)
            shell.do("grab", path=str(IMAGES / f"{name}.png"))

    def shoot(self, name: str, *, whole: bool = False) -> None:
        """Save what the browser shows; the `whole` page, however long."""
        if name in self.wanted:
            self.page.wait_for_load_state("networkidle")
            self.page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)

    def lapse(self) -> None:
        """Let every hold run out."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        for order in self.database["orders"].find({"state": "held"}):
            untils = {f"seats.{line['seat']}.until": past for line in order["seats"]}
            self.database["seatMaps"].update_one({"_id": order["showtime"]}, {"$set": untils, "$inc": {"version": 1}})
            self.database["orders"].update_one({"_id": order["_id"]}, {"$set": {"expiresAt": past}})

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        sent = {**headers, "Content-Type": "application/json"}
        return requests.request(method, self.origin + path, data=body, headers=sent, timeout=20)


@contextmanager
def studio(wanted: frozenset[str]) -> Iterator[Studio]:
    """Start all of it on an empty database."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        demo_server(Path(scratch)) as (origin, stop_server, mongo_uri),
        connected(mongo_uri) as database,
        sync_playwright() as browsers,
        shell_at(origin, Path(scratch) / "till-1", name="1号台", has_printer=True) as shell,
        shell_at(origin, Path(scratch) / "till-2", name="2号台", has_printer=False) as other,
    ):
        browser = browsers.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=OFFICE, locale="zh-CN", timezone_id="Asia/Shanghai")
        yield Studio(wanted, origin, stop_server, shell, other, page, database)
        browser.close()


@contextmanager
def connected(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """Yield the demo's database."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_uri, tz_aware=True)
    with client:
        yield client["userdb"]


@contextmanager
def demo_server(directory: Path) -> Iterator[tuple[str, Callable[[], None], str]]:
    """Run what `make run` runs, on a free port and an empty database; yield its origin, what stops it, its MongoDB."""
    port = free_port()
    environment = {**os.environ, "VAR_DIR": str(directory / "var"), "PORT": str(port), "DEBUG": "0"}
    process = subprocess.Popen([sys.executable, "-m", "backend.devtools.run"], cwd=ROOT, env=environment)

    def stop() -> None:
        process.terminate()
        process.wait(30)

    try:
        origin = f"http://127.0.0.1:{port}"
        wait_for(process, f"{origin}/healthz")
        yield origin, stop, (directory / "var" / "mongo.uri").read_text("utf-8").strip()
    finally:
        stop()


@contextmanager
def shell_at(origin: str, folder: Path, *, name: str, has_printer: bool) -> Iterator[ShellDriver]:
    """Start a shell on a machine of its own, in Chinese."""
    folder.mkdir()
    (folder / "machine-id").write_text(folder.name.encode().hex().ljust(32, "0"))
    config = {"language": "zh-hans", "heartbeat_seconds": 2, "printer": "小票机"}
    (folder / "config.json").write_text(json.dumps(config))
    machine = {"SHELL_DRIVER_MACHINE": name, "TZ": "Asia/Shanghai"}  # the clock of the log-in window
    if has_printer:
        machine["SHELL_DRIVER_PAPER"] = str(folder / "tickets.pdf")
    with ShellDriver(data_dir=folder, api_base_url=origin, environ=machine) as shell:
        shell.wait_for(lambda state: state.get("ready"))
        yield shell


def until(reached: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until `reached` holds."""
    give_up = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > give_up:
            raise RuntimeError("it did not happen")
        time.sleep(0.1)


def shown(shell: ShellDriver, selector: str) -> bool:
    """Tell whether the page has what `selector` matches."""
    return bool(shell.do("js", script=f"document.querySelector({json.dumps(selector)}) !== null"))


def wait_for_step(shell: ShellDriver, step: str) -> None:
    """Wait until the order panel is at `step`, and takes keys and clicks."""
    until(lambda: shown(shell, f".sale[data-step={step}]"))
    time.sleep(0.7)


def press_when_shown(shell: ShellDriver, selector: str) -> None:
    """Click an element of the page once it is there."""
    until(lambda: shown(shell, selector))
    time.sleep(0.7)  # a screen that has just come takes no click yet
    shell.click(selector)


def log_in(shell: ShellDriver, phone: str) -> None:
    """Log in and wait for the screens."""
    shell.do("log_in", phone=phone)
    shell.wait_for(lambda state: state["window"] == "till" and "/till/" in state.get("url", ""))
