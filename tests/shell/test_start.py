"""The start of the real program: what is loaded when, a second start, and what is said where something is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtWidgets import QApplication

from shell_client import app, instance
from shell_client.config import Config
from shell_client.instance import Instance
from tests.shell.driver import ShellDriver
from tests.shell.till_server import TillServer

Start = Callable[..., ShellDriver]
ROOT = Path(__file__).parents[2]
SLOW = ("PyQt5.QtWebEngineWidgets", "requests", "keyring", "jwt", "cryptography")


@pytest.fixture
def start(server: TillServer, data_dir: Path) -> Iterator[Start]:
    running: list[ShellDriver] = []

    def begin(**environ: str) -> ShellDriver:
        (data_dir / "config.json").write_text(json.dumps({"language": "zh-hans", "heartbeat_seconds": 1}), "utf-8")
        running.append(ShellDriver(data_dir=data_dir, api_base_url=server.origin, environ=environ))
        return running[-1]

    yield begin
    for shell in running:
        shell.__exit__()


def program(data_dir: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "SHELL_DATA_DIR": str(data_dir), "QTWEBENGINE_DISABLE_SANDBOX": "1", **environ}
    command = [sys.executable, "-m", "shell_client", *arguments]
    return subprocess.run(command, env=told, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_nothing_slow_is_loaded_before_the_log_in_window() -> None:
    look = f"import sys, shell_client.app; print([name for name in {SLOW!r} if name in sys.modules])"

    seen = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)

    assert seen.stdout.strip() == "[]"


def test_a_second_start_brings_the_first_window_forward_and_ends(start: Start, data_dir: Path) -> None:
    shell = start()
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("minimise")
    assert shell.state()["minimised"]

    second = program(data_dir)

    assert second.returncode == 0
    assert "does not answer" not in second.stderr
    assert not shell.wait_for(lambda state: not state["minimised"])["minimised"]
    assert "the window comes forward" in (data_dir / "shell.log").read_text("utf-8")


def test_a_first_one_that_hangs_is_not_waited_for_for_ever(
    application: QApplication, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "ANSWER_MILLISECONDS", 50)
    first, second = Instance(data_dir), Instance(data_dir)
    assert first.be_first()

    assert not second.be_first()
    assert not second.call_first(), "nobody runs the first one's events"

    first.end()
    assert second.be_first()
    second.end()


def test_a_nearly_full_disk_is_said_and_stops_nobody(
    application: QApplication, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = app.Shell(config=Config(data_dir=data_dir, own_data_dir=True, language="en"))
    shell.login.show()
    shell._look_at_disk()
    before = shell.login.notice.isVisible()
    monkeypatch.setattr(app, "LOW_DISK_BYTES", 10**18)
    shell._look_at_disk()

    assert not before
    assert "The disk is nearly full" in shell.login.notice.accessibleName()
    shell.login.hide()
    shell._background.stop()


INSTALLED = """
import os, sys
sys.frozen, sys.executable = True, {executable!r}
from PyQt5.QtCore import QTimer
from shell_client import app
running = app._application()
def look():
    (page,) = [one for one in running.topLevelWidgets() if one.isVisible()]
    print(page.words_shown())
    page.close()
QTimer.singleShot(100, look)
sys.exit(app.main([]))
"""


def test_an_installed_client_that_cannot_start_says_so_on_a_page(tmp_path: Path) -> None:
    script = INSTALLED.format(executable=str(tmp_path / "till.exe"))
    told = {**os.environ, "SHELL_DATA_DIR": str(tmp_path / "data"), "QT_QPA_PLATFORM": "offscreen", "LANG": "C"}

    ended = subprocess.run(
        [sys.executable, "-c", script], env=told, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )

    line = f'{tmp_path}/config.json: "api_base_url" is missing'
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout.strip() == f"程序不能启动 | 设置有错。请把下面这一行告诉技术人员，改好后重新打开。 | {line}"
    assert f"shell: {line}" in ended.stderr


def test_without_the_engine_the_window_says_so_and_nobody_logs_in(start: Start, data_dir: Path) -> None:
    shell = start(SHELL_DRIVER_WITHOUT="PyQt5.QtWebEngineWidgets")

    state = shell.wait_for(lambda state: state["notice"])

    assert "缺少网页组件" in state["notice"]
    assert (state["button"], state["ready"]) == ("重试", False)
    assert "no web engine" in (data_dir / "shell.log").read_text("utf-8")


def test_without_a_display_one_line_says_so(data_dir: Path) -> None:
    ended = program(data_dir, DISPLAY=":98765", QT_QPA_PLATFORM="xcb", WAYLAND_DISPLAY="")

    assert ended.returncode == 2
    assert "shell: the display cannot be opened" in ended.stderr.splitlines()[-1]


def test_a_key_store_that_was_mended_is_tried_again_without_a_restart(
    start: Start, server: TillServer, data_dir: Path
) -> None:
    folder = data_dir / "device"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    shell = start()
    state = shell.wait_for(lambda state: state["notice"])
    assert "读不到本机密钥" in state["notice"]
    assert not (folder / "device.key").exists(), "a key was made where others could read it"

    folder.chmod(0o700)
    shell.press("重试")
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("log_in", phone="13800000002")

    shell.wait_for(lambda state: state["window"] == "till")
    assert len(server.called("/api/v2/login")) == 1


def test_a_data_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ended = program(tmp_path / "file" / "till")

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


def test_the_bundle_is_written_where_the_program_does_not_start(data_dir: Path) -> None:
    (data_dir / "config.json").write_text('{"colour": "red"}', "utf-8")

    ended = program(data_dir, "--support-bundle")

    assert ended.returncode == 0, ended.stderr
    assert Path(ended.stdout.strip()).is_file()


def test_an_unknown_argument_starts_nothing(data_dir: Path) -> None:
    ended: Any = program(data_dir, "--remote-debugging-port=9222")

    assert ended.returncode == 2
    assert not (data_dir / "shell.log").exists()
