"""What the shell's tests share: a server of their own, and a Qt application on a display that nobody sees."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.shell.till_server import TillServer

# Before Qt is imported: as root the engine has no sandbox, and a test needs no screen.
if hasattr(os, "geteuid") and os.geteuid() == 0:
    os.environ["QTWEBENGINE_DISABLE_SANDBOX"] = "1"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt5 import QtWebEngineWidgets  # noqa: F401 - before the application exists
from PyQt5.QtCore import QCoreApplication, QEvent, QEventLoop
from PyQt5.QtWidgets import QApplication

from shell_client.api.client import StaffClient
from shell_client.device.key import DeviceKey
from shell_client.theme import STYLE, base_font

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def server() -> Iterator[TillServer]:
    with TillServer() as running:
        yield running
        assert running.wrong_proofs == []


@pytest.fixture
def client(server: TillServer) -> StaffClient:
    return StaffClient(base_url=server.origin, key=DeviceKey.make(), language="zh-hans")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def application() -> QApplication:
    running = QApplication.instance() or QApplication(["shell-tests"])
    assert isinstance(running, QApplication)
    running.setQuitOnLastWindowClosed(False)
    running.setStyle("Fusion")
    running.setFont(base_font())
    running.setStyleSheet(STYLE)
    return running


@pytest.fixture
def until(application: QApplication) -> Until:
    """Let Qt run until a condition holds, at most ten seconds."""

    def wait(condition: Callable[[], object], seconds: float = 10) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, "it did not happen"
            application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            time.sleep(0.005)

    return wait
