"""Hostile pages in the web view of a real shell process; each attack works once its guards are off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shell.driver import ShellDriver
from tests.shell.hostile import ATTACKS, Stranger
from tests.shell.till_server import TillServer, page

GIVE_UP_SECONDS = 15
PRESS_AGAIN_SECONDS = 0.5
REFUSALS = ("refused to go to", "page: Refused to", "blocked ", "window was refused", "download was refused")


@dataclass
class Till:
    """A shell process with somebody logged in, and the server that its pages come from."""

    server: TillServer
    shell: ShellDriver
    data_dir: Path

    def show(self, name: str, body: str, *, until: Callable[[], object]) -> None:
        """Open a page of the till's own server with this body, press `#go` where it has one, and wait."""
        path = f"/till/{name}/"
        self.server.pages[path] = (200, page("attack", body=body))
        self.shell.do("js", script=f"location.href = {self.server.origin + path!r}")
        pressed_at = 0.0
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while not until():
            assert time.monotonic() < give_up, f"it did not happen: {self.shell.state()}"
            ready = 'id="go"' in body and self.shell.state()["url"].endswith(path)
            if ready and time.monotonic() > pressed_at + PRESS_AGAIN_SECONDS:  # the engine is deaf until it has drawn
                self.shell.do("click", selector="#go")
                pressed_at = time.monotonic()
            time.sleep(0.02)

    def log(self) -> str:
        """Return all that the shell wrote to its log."""
        return (self.data_dir / "shell.log").read_text("utf-8")


def log_in(data_dir: Path, server: TillServer, **environ: str) -> ShellDriver:
    data_dir.mkdir()
    (data_dir / "config.json").write_text(json.dumps({"language": "zh-hans", "heartbeat_seconds": 100}), "utf-8")
    shell = ShellDriver(data_dir=data_dir, api_base_url=server.origin, environ=environ)
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("log_in", phone="13800000002")
    shell.wait_for(lambda state: state.get("showing") == "screens")
    return shell


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    with Stranger() as running:
        yield running


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    folder = tmp_path_factory.mktemp("guarded") / "till"
    with TillServer() as server, log_in(folder, server) as shell:
        yield Till(server, shell, folder)


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    folder = tmp_path_factory.mktemp("unguarded") / "till"
    with TillServer() as server, log_in(folder, server, SHELL_DRIVER_UNGUARDED="1") as shell:
        yield Till(server, shell, folder)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_page_reaches_a_foreign_origin(till: Till, stranger: Stranger, attack: str) -> None:
    written = len(till.log())
    till.server.moved["/till/away/"] = f"http://127.0.0.1:{stranger.port}/{attack}"

    def was_refused() -> bool:
        refused = any(word in till.log()[written:] for word in REFUSALS)
        return refused or till.shell.state()["title"] == f"{attack} failed"

    till.show(attack, stranger.page_of(attack), until=was_refused)

    state = till.shell.state()
    assert not stranger.was_reached_by(attack)
    assert state["url"].startswith(till.server.origin + "/till/")
    assert state["showing"] == "screens"


@pytest.mark.parametrize("attack", ATTACKS)
def test_without_its_guards_the_same_page_reaches_it(unguarded: Till, stranger: Stranger, attack: str) -> None:
    unguarded.server.moved["/till/away/"] = f"http://127.0.0.1:{stranger.port}/{attack}"

    unguarded.show(attack, stranger.page_of(attack), until=lambda: stranger.was_reached_by(attack))
