"""Drives a real shell process from outside: `python -m tests.shell.driver SOCKET` runs the program and obeys a socket.

For tests only, and never part of the program: it starts the shell as `shell_client.app.main` does, then
listens on a Unix socket for one JSON object a line and answers one a line. Mouse and keys are real Qt events.
`ShellDriver` is the other end. Where `SHELL_DRIVER_PAPER` names a PDF file, the machine has a printer that writes it;
`SHELL_DRIVER_MACHINE` is what the machine calls itself; with `SHELL_DRIVER_UNGUARDED` the guards against hostile
pages are off, to show what they stop (`tests.shell.unguarded`).

| do | with | answers |
|---|---|---|
| `state` | | `window` (login, till, none), `showing` (screens, native), `notice`, `native`, `url`, `title`, ... |
| `log_in` | `phone` | types the number and presses the button |
| `press` | `text` | presses the visible native button with this text |
| `js` | `script` | runs it in the page (the shell's own world) and answers its value |
| `click` | `selector` | clicks the middle of the first element that matches; false where none does |
| `key` | `text` or `name` (`Return`) | types into the page |
| `grab` | `path` | saves a picture of the window |
| `menu` | `text` | chooses this entry of the window's menu; false where there is none |
| `raise` | `text` | fails as a slot of the program would that nobody thought of |
| `drop` | `path` | drops this file on the page; false where the view does not take it |
| `minimise` | | puts the window away |
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from PyQt5.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl, pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QMouseEvent
from PyQt5.QtWidgets import QAction, QApplication, QPushButton, QWidget

from shell_client import app as program
from shell_client.app import Shell
from shell_client.login import window as login_window
from tests.shell.display import ensure_display
from tests.shell.hands import click, press_key
from tests.shell.paper import pdf_printer

Done = Callable[[Any], None]
REPAINT_MILLISECONDS = 300
LEFT = Qt.MouseButton.LeftButton
MIDDLE = """(function () {
  var e = document.querySelector(SELECTOR);
  if (!e) { return null; }
  e.scrollIntoView({ block: "nearest", inline: "nearest" });
  var r = e.getBoundingClientRect();
  return [r.left + r.width / 2, r.top + r.height / 2];
}())"""


class ShellDriver:
    """The test's end: a shell process and what it says."""

    def __init__(
        self, *, data_dir: Path, api_base_url: str, environ: dict[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> None:
        ensure_display()
        data_dir.mkdir(parents=True, exist_ok=True)
        address = data_dir / "driver.sock"
        address.unlink(missing_ok=True)
        told = {
            **os.environ,
            **(environ or {}),
            "SHELL_DATA_DIR": str(data_dir),
            "SHELL_API_BASE_URL": api_base_url,
            "QT_QPA_PLATFORM": "xcb",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            told["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # the engine has none as root
        self.output = (data_dir / "driver.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.shell.driver", str(address), *arguments],
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

    def click(self, selector: str) -> None:
        """Click the first element of the page that matches."""
        assert self.do("click", selector=selector), f"nothing matches {selector}"

    def press(self, text: str) -> None:
        """Press the native button with these words."""
        assert self.do("press", text=text), f"no button says {text}"

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


class Obedience(QObject):
    """The shell's end: it hears wishes on a thread of its own and does them on Qt's."""

    heard = pyqtSignal(object, object)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.heard.connect(self._obey)

    def listen(self, address: str) -> None:
        """Take wishes from the socket, one after another."""
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(address)
            door.listen(1)
            lines = door.accept()[0].makefile("rw", encoding="utf-8")
            answers: queue.Queue[dict[str, Any]] = queue.Queue()
            for line in lines:
                self.heard.emit(json.loads(line), lambda value: answers.put({"value": value}))
                try:
                    answer = answers.get(timeout=20)
                except queue.Empty:
                    answer = {"error": f"no answer to {line}"}
                lines.write(json.dumps(answer) + "\n")
                lines.flush()

    def _obey(self, wish: dict[str, Any], done: Done) -> None:
        getattr(self, f"do_{wish['do']}")(wish, done)

    def do_state(self, _: dict[str, Any], done: Done) -> None:
        login, till = self._shell.login, self._shell.till
        seen: dict[str, Any] = {"window": "till" if till is not None else "login" if login.isVisible() else "none"}
        problem = self._shell.problem
        seen["problem"] = problem.words_shown() if problem is not None else ""
        seen["minimised"] = self._window().isMinimized()
        seen["engine"] = "PyQt5.QtWebEngineWidgets" in sys.modules
        if till is None:
            notice = login.notice
            seen["notice"] = notice.accessibleName() if notice.isVisible() else ""
            seen["phone"], seen["button"] = login.phone.text(), login.primary.accessibleName()
            seen["ready"] = login.primary.isEnabled() and login._attempt is not None
        else:
            seen["showing"] = till.showing
            seen["native"] = till.native.words_shown() if till.showing == "native" else ""
            seen["strip"] = till.strip._words.text() if till.strip.isVisible() else ""
            seen["file"] = till.file_strip._words.text() if till.file_strip.isVisible() else ""
            seen["print"] = till.print_strip._words.text() if till.print_strip.isVisible() else ""
            seen["url"], seen["title"] = till.page.url().toString(), till.page.title()
            seen["renderer"] = till.page.renderProcessPid()
        done(seen)

    def do_log_in(self, wish: dict[str, Any], done: Done) -> None:
        login = self._shell.login
        login.phone.setFocus()
        login.phone.selectAll()
        for character in wish["phone"]:
            press_key(login.phone, character)
        click(login.primary)
        done(None)

    def do_press(self, wish: dict[str, Any], done: Done) -> None:
        buttons = self._window().findChildren(QPushButton)
        named = [one for one in buttons if one.isVisible() and wish["text"] in (one.text(), one.accessibleName())]
        if named:
            click(named[0])
        done(bool(named))

    def do_js(self, wish: dict[str, Any], done: Done) -> None:
        till = self._shell.till
        if till is None:
            done(None)
        else:
            from PyQt5.QtWebEngineWidgets import QWebEngineScript  # noqa: PLC0415 - the program loads it, when it wants

            till.page.runJavaScript(wish["script"], QWebEngineScript.ScriptWorldId.ApplicationWorld, done)

    def do_click(self, wish: dict[str, Any], done: Done) -> None:
        script = MIDDLE.replace("SELECTOR", json.dumps(wish["selector"]))
        self.do_js({"script": script}, lambda middle: done(bool(middle) and self._click(QPoint(*map(round, middle)))))

    def do_key(self, wish: dict[str, Any], done: Done) -> None:
        inner = self._page_widget()
        if "name" in wish:
            press_key(inner, getattr(Qt.Key, f"Key_{wish['name']}"))
        for character in wish.get("text", ""):
            press_key(inner, character)
        done(True)

    def do_grab(self, wish: dict[str, Any], done: Done) -> None:
        window = self._window()
        window.raise_()  # another shell of the test may stand before it

        def save() -> None:
            screen = window.screen()
            # From the screen, since the engine draws outside of Qt's own buffer.
            done(screen is not None and screen.grabWindow(window.winId()).save(wish["path"]))

        QTimer.singleShot(REPAINT_MILLISECONDS, save)

    def do_menu(self, wish: dict[str, Any], done: Done) -> None:
        action = next((one for one in self._window().findChildren(QAction) if one.text() == wish["text"]), None)
        if action is not None:
            action.trigger()
        done(action is not None)

    def do_raise(self, wish: dict[str, Any], done: Done) -> None:
        done(None)
        raise RuntimeError(wish["text"])

    def do_drop(self, wish: dict[str, Any], done: Done) -> None:
        till = self._shell.till
        assert till is not None
        file = QMimeData()
        file.setUrls([QUrl.fromLocalFile(wish["path"])])
        at, copy = till.view.rect().center(), Qt.DropAction.CopyAction
        held = (file, LEFT, Qt.KeyboardModifier.NoModifier)
        enters, drops = QDragEnterEvent(at, copy, *held), QDropEvent(QPointF(at), copy, *held)
        for event in (enters, QDragMoveEvent(at, copy, *held), drops):
            event.setAccepted(False)
            QApplication.sendEvent(till.view, event)
        done(enters.isAccepted())

    def do_minimise(self, _: dict[str, Any], done: Done) -> None:
        self._window().showMinimized()
        done(None)

    def do_close(self, _: dict[str, Any], done: Done) -> None:
        self._window().close()
        done(None)

    def _window(self) -> QWidget:
        return self._shell.problem or self._shell.till or self._shell.login

    def _page_widget(self) -> QWidget:
        till = self._shell.till
        inner = till.view.focusProxy() if till is not None else None
        assert isinstance(inner, QWidget), "the page has no widget yet"
        return inner

    def _click(self, at: QPoint) -> bool:
        inner, none = self._page_widget(), Qt.MouseButton.NoButton
        for kind, button, held in (
            (QEvent.Type.MouseMove, none, none),
            (QEvent.Type.MouseButtonPress, LEFT, LEFT),
            (QEvent.Type.MouseButtonRelease, LEFT, none),
        ):
            event = QMouseEvent(
                kind, QPointF(at), QPointF(inner.mapToGlobal(at)), button, held, Qt.KeyboardModifier.NoModifier
            )
            QApplication.sendEvent(inner, event)
        return True


def main(address: str) -> int:
    """Run the shell as its own `main` does, with an ear at `address`."""
    if missing := os.environ.get("SHELL_DRIVER_WITHOUT"):
        sys.modules[missing] = None  # type: ignore[assignment]  # as if it were not installed
    if paper := os.environ.get("SHELL_DRIVER_PAPER"):
        from shell_client.browser import window as till_window  # noqa: PLC0415 - for these tests only

        till_window.find_printer = lambda name: pdf_printer(Path(paper))  # noqa: ARG005 - as the real one
    if name := os.environ.get("SHELL_DRIVER_MACHINE"):
        login_window.machine_name = lambda: name
    if os.environ.get("SHELL_DRIVER_UNGUARDED"):
        from tests.shell.unguarded import take_guards_away  # noqa: PLC0415 - it loads the engine

        take_guards_away()
    application, shell = program.build(os.environ)
    obedience = Obedience(shell)
    threading.Thread(target=obedience.listen, args=(address,), daemon=True).start()
    program._quit_on_signals(shell, application)
    QTimer.singleShot(0, shell.start)
    return application.exec_()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
