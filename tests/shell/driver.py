"""Drives a real shell process from outside: `python -m tests.shell.driver SOCKET` runs the program and obeys a socket.

For tests only, and never part of the program: it starts the shell as `shell_client.app.main` does, then
listens on a Unix socket for one JSON object a line and answers one a line. Mouse and keys are real Qt events.
`ShellDriver` is the other end.

| do | with | answers |
|---|---|---|
| `state` | | `window` (login, till, none), `showing` (screens, native), `notice`, `native`, `url`, `title`, ... |
| `log_in` | `phone` | types the number and presses the button |
| `press` | `text` | presses the visible native button with this text |
| `js` | `script` | runs it in the page (the shell's own world) and answers its value |
| `click` | `selector` | clicks the middle of the first element that matches |
| `key` | `text` or `name` (`Return`) | types into the page |
| `grab` | `path` | saves a picture of the window |
| `close` | | closes the window, as its cross does |
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self


class ShellDriver:
    """The test's end: a shell process and what it says."""

    def __init__(self, *, data_dir: Path, api_base_url: str, environ: dict[str, str] | None = None) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        address = data_dir / "driver.sock"
        address.unlink(missing_ok=True)
        told = {
            **os.environ,
            **(environ or {}),
            "SHELL_DATA_DIR": str(data_dir),
            "SHELL_API_BASE_URL": api_base_url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            told["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # the engine has none as root
        self.output = (data_dir / "driver.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tests.shell.driver", str(address)],
            env=told,
            stdout=self.output,
            stderr=self.output,
        )
        self._socket = socket.socket(socket.AF_UNIX)
        give_up = time.monotonic() + 30
        while True:
            try:
                self._socket.connect(str(address))
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError((data_dir / "driver.log").read_text("utf-8")) from None
                time.sleep(0.05)
        self._lines = self._socket.makefile("rw", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if self.process.poll() is None:
            self.process.terminate()  # as Ctrl-C: logs out and ends
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()

    def do(self, what: str, **more: object) -> Any:
        """Have the shell do something, and return what it answers."""
        self._lines.write(json.dumps({"do": what, **more}) + "\n")
        self._lines.flush()
        answer = json.loads(self._lines.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["value"]

    def state(self) -> dict[str, Any]:
        """Return what the person sees now."""
        state: dict[str, Any] = self.do("state")
        return state

    def wait_for(self, condition: Callable[[dict[str, Any]], object], seconds: float = 20) -> dict[str, Any]:
        """Return the first state for which `condition` holds."""
        give_up = time.monotonic() + seconds
        while True:
            state = self.state()
            if condition(state):
                return state
            assert time.monotonic() < give_up, f"it did not happen: {state}"
            time.sleep(0.05)


def _run(address: str) -> int:
    from PyQt5.QtCore import QEvent, QEventLoop, QObject, QPoint, Qt, QTimer, pyqtSignal  # noqa: PLC0415 - the shell's process
    from PyQt5.QtGui import QMouseEvent  # noqa: PLC0415
    from PyQt5.QtTest import QTest  # noqa: PLC0415
    from PyQt5.QtWebEngineWidgets import QWebEngineScript  # noqa: PLC0415
    from PyQt5.QtWidgets import QApplication, QPushButton, QWidget  # noqa: PLC0415

    from shell_client import app as program  # noqa: PLC0415

    application, shell = program.build(os.environ)
    left = Qt.MouseButton.LeftButton

    def window() -> QWidget | None:
        if shell.till is not None:
            return shell.till
        return shell.login if shell.login.isVisible() else None

    def state(_: dict[str, Any]) -> dict[str, Any]:
        login, till = shell.login, shell.till
        seen: dict[str, Any] = {"window": "till" if till is not None else "login" if login.isVisible() else "none"}
        if till is None:
            notice = login._notice
            seen["notice"] = notice.accessibleName() if notice.isVisible() else ""
            seen["phone"], seen["button"] = login.phone.text(), login.primary.accessibleName()
            seen["ready"] = login.primary.isEnabled()
        else:
            seen["showing"] = till.showing
            seen["native"] = till.native.words_shown() if till.showing == "native" else ""
            seen["strip"] = till.strip._words.text() if till.strip.isVisible() else ""
            seen["url"], seen["title"] = till.page.url().toString(), till.page.title()
            seen["renderer"] = till.page.renderProcessPid()
        return seen

    def log_in(wish: dict[str, Any]) -> None:
        login = shell.login
        login.phone.setFocus()
        login.phone.selectAll()
        for character in wish["phone"]:
            QTest.keyClick(login.phone, character, delay=1)
        QTest.mouseClick(login.primary, left)

    def press(wish: dict[str, Any]) -> None:
        inside = window()
        buttons = inside.findChildren(QPushButton) if inside is not None else []
        named = [one for one in buttons if one.isVisible() and wish["text"] in (one.text(), one.accessibleName())]
        QTest.mouseClick(named[0], left)

    def js(wish: dict[str, Any]) -> Any:
        assert shell.till is not None, "the ticket screens are not open"
        loop, found = QEventLoop(), []

        def take(value: Any) -> None:
            found.append(value)
            loop.quit()

        shell.till.page.runJavaScript(wish["script"], QWebEngineScript.ScriptWorldId.ApplicationWorld, take)
        QTimer.singleShot(10_000, loop.quit)
        if not found:
            loop.exec_()
        return found[0] if found else None

    def target() -> QObject:
        assert shell.till is not None, "the ticket screens are not open"
        inner = shell.till.view.focusProxy()
        assert inner is not None, "the page has no widget yet"
        return inner

    def click(wish: dict[str, Any]) -> None:
        script = """(function () { var e = document.querySelector(%s); if (!e) { return null; }
            e.scrollIntoView({block: "nearest", inline: "nearest"}); var r = e.getBoundingClientRect();
            return [r.left + r.width / 2, r.top + r.height / 2]; }())"""
        middle = js({"script": script % json.dumps(wish["selector"])})
        assert middle, f"nothing matches {wish['selector']}"
        at, inner = QPoint(round(middle[0]), round(middle[1])), target()
        assert isinstance(inner, QWidget)
        none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        for kind, button, held in (
            (QEvent.Type.MouseMove, none, none),
            (QEvent.Type.MouseButtonPress, left, left),
            (QEvent.Type.MouseButtonRelease, left, none),
        ):
            event = QMouseEvent(kind, at, inner.mapToGlobal(at), button, Qt.MouseButtons(held), keys)  # type: ignore[call-overload]
            application.sendEvent(inner, event)

    def key(wish: dict[str, Any]) -> None:
        inner = target()
        assert isinstance(inner, QWidget)
        if "name" in wish:
            QTest.keyClick(inner, getattr(Qt.Key, f"Key_{wish['name']}"))
        for character in wish.get("text", ""):
            QTest.keyClick(inner, character, delay=60)  # a person, not a scanner

    def grab(wish: dict[str, Any]) -> None:
        inside = window()
        assert inside is not None
        screen = inside.screen()
        assert screen is not None
        # From the screen, since the engine draws outside of Qt's own buffer.
        assert screen.grabWindow(int(inside.winId())).save(wish["path"])

    def close(_: dict[str, Any]) -> None:
        inside = window()
        if inside is not None:
            inside.close()

    actions = {"state": state, "log_in": log_in, "press": press, "js": js, "click": click, "key": key}
    actions |= {"grab": grab, "close": close}

    class Ears(QObject):
        """Hears the socket on a thread of its own; what it hears is done on Qt's."""

        heard = pyqtSignal(object, object)

        def listen(self) -> None:
            with socket.socket(socket.AF_UNIX) as door:
                door.bind(address)
                door.listen(1)
                lines = door.accept()[0].makefile("rw", encoding="utf-8")
                answers: queue.Queue[dict[str, Any]] = queue.Queue()
                for line in lines:
                    self.heard.emit(json.loads(line), answers)
                    lines.write(json.dumps(answers.get()) + "\n")
                    lines.flush()

    def obey(wish: dict[str, Any], answers: queue.Queue[dict[str, Any]]) -> None:
        try:
            answers.put({"value": actions[wish["do"]](wish)})
        except Exception as error:  # the test shall see it
            answers.put({"error": repr(error)})

    ears = Ears()
    ears.heard.connect(obey, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]
    threading.Thread(target=ears.listen, daemon=True).start()
    program._quit_on_signals(shell, application)
    QTimer.singleShot(0, shell.start)
    assert QApplication.instance() is application
    return application.exec_()


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1]))
