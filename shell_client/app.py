"""The program: it puts settings, key, log-in window and ticket screens together.

The log-in window is shown first. What is slow to load comes after it: the connection in the background, then the
web engine.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, Qt, QTimer
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtNetwork import QNetworkProxy
from PyQt5.QtWidgets import QApplication, QWidget

from shell_client import __version__
from shell_client.api.answers import StaffSession
from shell_client.api.background import Background
from shell_client.browser.switches import close_engine_switches
from shell_client.config import Config, ConfigError, choose_data_dir, load_config
from shell_client.device.machine import machine_code
from shell_client.faults import FormerRun, Run
from shell_client.instance import FolderNotWritable, Instance
from shell_client.last_order import begin_payment, forget_order, last_order
from shell_client.login.attempt import Notice
from shell_client.login.remembered import Person, load_remembered, save_remembered
from shell_client.login.window import LoginWindow
from shell_client.problem import ProblemPage
from shell_client.qt_messages import hear_qt, tell
from shell_client.theme import STYLE, base_font
from shell_client.words import Words, choose_language

if TYPE_CHECKING:  # slow to load: the window is shown before them
    from shell_client.api.client import StaffClient
    from shell_client.browser.window import TillWindow

log = logging.getLogger(__name__)

CANNOT_START = 2
LOW_DISK_BYTES = 200_000_000
LOW_DISK_SECONDS = 600


class AlreadyRunning(Exception):
    """Another run has this data folder; `answered` tells whether it has shown its window."""

    def __init__(self, *, answered: bool) -> None:
        super().__init__("the program runs already" + ("" if answered else " and does not answer"))
        self.answered = answered


class Shell(QObject):
    """One run of the program: log-in window, ticket screens, and from each to the other."""

    def __init__(self, *, config: Config, former: FormerRun | None = None) -> None:
        super().__init__()
        self._config = config
        self._former = former
        self._order = last_order(config.data_dir)
        self._keeps_order = False
        self.words = Words(choose_language(config.language))
        self._remembered = load_remembered(config.data_dir)
        self._background = Background()
        self._client: StaffClient | None = None
        self._ending = False
        self.till: TillWindow | None = None
        self.problem: ProblemPage | None = None
        self.login = LoginWindow(
            words=self.words,
            code=machine_code(data_dir=config.data_dir, own_data_dir=config.own_data_dir),
            remembered=self._remembered,
            app_name=config.app_name,
        )
        self.login.logged_in.connect(self._open_till)
        self.login.closed.connect(self.quit)
        self.login.try_again.connect(self._prepare)
        self.login.support_wanted.connect(lambda: self._save_support(self.login))
        self._disk = QTimer(self)
        self._disk.timeout.connect(self._look_at_disk)

    def start(self) -> None:
        """Show the log-in window, or first what the former run crashed with; the rest is loaded behind it."""
        if self._former is not None and self._former.fault:
            self._show_crash(self._former)
        else:
            self.login.appear(self._remembered)
            self._tell_of_fall()
        QTimer.singleShot(0, self._begin)

    def quit(self) -> None:
        """End the program, logged out where someone was logged in."""
        if self.till is not None:
            self._leave_till(True)
            return
        self._ending = True
        if not self._keeps_order:  # the person has seen what became of it
            forget_order(self._config.data_dir)
        if self._client is not None:
            self._client.stop()
        self._background.stop()
        QApplication.quit()

    def system_ends(self) -> None:
        """Keep the last order, though the program ends in order: nobody may have seen what became of it."""
        self._keeps_order = True

    def come_forward(self) -> None:
        """Show the window that the person works in, before all others."""
        window: QWidget = self.till or self.problem or self.login
        if window.isMinimized():
            window.showMaximized() if window is self.till else window.showNormal()
        window.show()
        window.raise_()
        window.activateWindow()
        log.info("a second start: the window comes forward")

    # What is loaded behind the log-in window

    def _begin(self) -> None:
        _keep_log(self._config)
        if self._former is not None:
            log.warning("the former run did not end in order")
        self._prepare()
        self._disk.start(LOW_DISK_SECONDS * 1000)
        self._look_at_disk()

    def _prepare(self) -> None:
        config, language = self._config, self.words.language

        def work() -> StaffClient:
            from shell_client.connection import connect  # noqa: PLC0415 - a tenth of a second

            return connect(config=config, language=language)

        self._background.run(work, self._connected, self._no_key)

    def _connected(self, client: StaffClient) -> None:
        if self._ending:
            return
        self._client = client
        log.info("shell %s, device key %s, server %s", __version__, client.thumbprint, client.base_url)
        try:
            importlib.import_module("shell_client.browser.window")  # here the web engine is loaded, slowest of all
        except ImportError as error:
            log.exception("no web engine")
            self.login.cannot_start("no_engine", "no_engine_do", str(error))
            return
        self.login.connect_to(client, self._background)

    def _no_key(self, error: Exception) -> None:
        if self._ending:
            return
        log.error("no device key", exc_info=error)
        from shell_client.device.keystore import KeyStoreError  # noqa: PLC0415 - as above

        self.login.cannot_start("no_key", "no_key_do", str(error) if isinstance(error, KeyStoreError) else repr(error))

    # What the former run left

    def _show_crash(self, former: FormerRun) -> None:
        details = f"{former.fault}\n\n{former.log_lines}"
        words = self.words
        plain = words.sentences(words("crash_do"), *([words("fell_order_do")] if self._order else []))
        page = ProblemPage(words=words, headline=words("crash"), plain=plain, details=details, button=words("go_on"))
        page.support_wanted.connect(lambda: self._save_support(page))
        page.done.connect(self._after_crash_page)
        self.problem = page
        page.appear()

    def _after_crash_page(self) -> None:
        self.problem = None
        if not self._ending:
            self.login.appear(self._remembered)
            if self._order is not None:
                self._tell_of_fall()

    def _tell_of_fall(self) -> None:
        if self._former is not None or self._order is not None:
            self.login.tell(Notice("wait", "fell", "fell_order_do" if self._order else "fell_do"))

    # Support, and a disk that fills

    def _save_support(self, window: QWidget) -> None:
        from shell_client.support import write_bundle  # noqa: PLC0415 - seldom wanted

        config, client = self._config, self._client
        try:
            path = write_bundle(
                data_dir=config.data_dir,
                own_data_dir=config.own_data_dir,
                program_dir=_program_dir(),
                more={
                    "server": config.api_base_url,
                    "deviceKey": client.thumbprint if client is not None else None,
                    "clockAheadMinutes": client.clock.skew_minutes() if client is not None else None,
                    "printer": config.printer,
                    "language": self.words.language,
                    "freeDiskBytes": _free_bytes(config.data_dir),
                    "screens": [str(one.geometry().getRect()) for one in QGuiApplication.screens()],
                },
            )
        except OSError as error:
            log.warning("no support bundle: %s", error)
            text = self.words("support_failed", reason=error.strerror or str(error))
        else:
            log.info("support bundle at %s", path)
            text = self.words("support_saved", path=path)
        if isinstance(window, ProblemPage):
            window.say(text)
            return
        page = ProblemPage(
            words=self.words, headline=self.words("menu_support"), plain="", details=text, button=self.words("go_on")
        )
        page.support_wanted.connect(lambda: self._save_support(page))
        page.done.connect(self._support_page_closed)
        self.problem = page
        page.appear()

    def _support_page_closed(self) -> None:
        self.problem = None

    def _look_at_disk(self) -> None:
        free = _free_bytes(self._config.data_dir)
        if free is not None and free < LOW_DISK_BYTES:
            log.warning("the disk is nearly full: %d bytes are left", free)
            if self.till is None:
                self.login.tell(Notice("wait", "disk_full", "disk_full_do", {"megabytes": free // 1_000_000}))

    # The ticket screens

    def _open_till(self, session: StaffSession) -> None:
        from shell_client.browser.window import TillWindow  # noqa: PLC0415 - loaded since the connection came

        if self._client is None:
            return
        self._remembered = self._remembered.with_person(Person(session.phone, session.name), till=session.till)
        save_remembered(self._config.data_dir, self._remembered)
        self.till = TillWindow(
            words=self.words,
            client=self._client,
            background=self._background,
            session=session,
            heartbeat_seconds=self._config.heartbeat_seconds,
            app_name=self._config.app_name,
            printer_name=self._config.printer,
        )
        self.till.leaving.connect(self._leave_till)
        self.till.back_to_login.connect(self._back_to_login)
        self.till.payment_begins.connect(lambda order: begin_payment(self._config.data_dir, order))
        self.till.support_wanted.connect(lambda: self._save_support(self.login))
        order, self._order, self._former = self._order, None, None
        self.till.open(order=order)
        self.login.hide()

    def _leave_till(self, closing: bool) -> None:
        client, till = self._client, self.till
        if client is None or till is None:
            return
        till.hide()

        def done(_: object) -> None:
            self._back_to_login(show=not closing)
            if closing:
                self.quit()

        self._background.run(client.log_out, done, done)

    def _back_to_login(self, *, show: bool = True) -> None:
        till, self.till = self.till, None
        if show:
            self.login.appear(self._remembered)
        if till is not None:
            till.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell; return 0, or 2 where it could not start (one line says why)."""
    told = sys.argv[1:] if arguments is None else arguments
    if told and _wants_bundle(told):
        return _bundle_without_windows(_program_dir())
    try:
        application, shell = build(os.environ)
    except AlreadyRunning as running:
        if running.answered:
            return 0
        return _cannot_start(str(running), "hung_do")
    except ConfigError as error:
        return _cannot_start(str(error), "cannot_start_do")
    _quit_on_signals(shell, application)
    QTimer.singleShot(0, shell.start)
    return application.exec_()


def build(environ: MutableMapping[str, str]) -> tuple[QApplication, Shell]:
    """Return the application and its shell, not yet started; raises ConfigError or AlreadyRunning."""
    config = load_config(environ=environ, program_dir=_program_dir(), installed=bool(getattr(sys, "frozen", False)))
    close_engine_switches(environ, api_base_url=config.api_base_url)
    application = _application()
    instance = Instance(config.data_dir)
    try:
        if not instance.be_first():
            raise AlreadyRunning(answered=instance.call_first())
    except FolderNotWritable as error:
        raise ConfigError(f"{config.data_dir}: nothing can be kept there ({error})") from error
    _start_log(config)
    run = Run(config.data_dir)
    shell = Shell(config=config, former=run.begin())
    instance.called.connect(shell.come_forward)

    def end() -> None:  # holds both: Qt itself would let go of them
        run.end()
        instance.end()

    application.aboutToQuit.connect(end)
    return application, shell


def _application() -> QApplication:
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    hear_qt()
    # What the engine wants of an application that is older than itself.
    QGuiApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    QGuiApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
    QGuiApplication.setAttribute(Qt.ApplicationAttribute.AA_UseHighDpiPixmaps)
    application = QApplication(sys.argv[:1])  # no arguments: the engine would obey its own among them
    application.setApplicationName("cinema-till")
    application.setApplicationVersion(__version__)
    application.setQuitOnLastWindowClosed(False)
    application.setStyle("Fusion")
    application.setFont(base_font())
    application.setStyleSheet(STYLE)
    QNetworkProxy.setApplicationProxy(
        QNetworkProxy(QNetworkProxy.ProxyType.NoProxy)
    )  # the view goes the way our calls go
    return application


def _wants_bundle(arguments: Sequence[str]) -> bool:
    import argparse  # noqa: PLC0415 - a till is started without arguments

    parser = argparse.ArgumentParser(prog="cinema-till", description="The box office of a cinema.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--support-bundle", action="store_true", help="write what support needs to see, without secrets, and end"
    )
    return bool(parser.parse_args(arguments).support_bundle)


def _bundle_without_windows(program_dir: Path) -> int:
    """Write the bundle where the program itself does not start; its settings may be what is wrong."""
    from shell_client.support import write_bundle  # noqa: PLC0415 - seldom wanted

    data_dir, own_data_dir = choose_data_dir(os.environ)
    problem = None
    try:
        load_config(environ=os.environ, program_dir=program_dir, installed=bool(getattr(sys, "frozen", False)))
    except ConfigError as error:
        problem = str(error)
    try:
        path = write_bundle(
            data_dir=data_dir, own_data_dir=own_data_dir, program_dir=program_dir, more={"settings": problem}
        )
    except OSError as error:
        tell(f"no support bundle: {error}")
        return CANNOT_START
    if sys.stdout is not None:
        sys.stdout.write(f"{path}\n")
    return 0


def _program_dir() -> Path:
    if getattr(sys, "frozen", False):
        return Path(sys.executable).parent
    return Path(__file__).resolve().parent.parent


def _start_log(config: Config) -> None:
    """Log to the console, where there is one: a windowed program on Windows has none."""
    logging.raiseExceptions = False  # a line that a full disk did not take must not become a trace on the console
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handlers: list[logging.Handler] = [logging.NullHandler() if sys.stderr is None else logging.StreamHandler()]
    logging.basicConfig(level=config.log_level, format=form, handlers=handlers)
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _keep_log(config: Config) -> None:
    """Log to a file too; without one, on a full disk say, the till sells all the same."""
    from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - slow to load: the window is shown before it

    root = logging.getLogger()
    try:
        file = RotatingFileHandler(config.data_dir / "shell.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8")
    except OSError as error:
        log.warning("no log is kept: %s", error)
        return
    file.setFormatter(root.handlers[0].formatter)
    root.addHandler(file)


def _free_bytes(folder: Path) -> int | None:
    import shutil  # noqa: PLC0415 - slow to load, and not needed to show a window

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _cannot_start(line: str, what_to_do: str) -> int:
    """Say on a page of its own why the program does not start, and in one line where someone reads those."""
    tell(line)
    if getattr(sys, "frozen", False):
        words = Words(choose_language(None))
        application = _application()
        page = ProblemPage(
            words=words,
            headline=words("cannot_start"),
            plain=words(what_to_do),
            details=line,
            button=words("quit"),
        )
        page.done.connect(application.quit)
        page.support_wanted.connect(lambda: _bundle_for_page(page, words))
        page.appear()
        application.exec_()
    return CANNOT_START


def _bundle_for_page(page: ProblemPage, words: Words) -> None:
    from shell_client.support import write_bundle  # noqa: PLC0415 - seldom wanted

    data_dir, own_data_dir = choose_data_dir(os.environ)
    try:
        path = write_bundle(data_dir=data_dir, own_data_dir=own_data_dir, program_dir=_program_dir(), more={})
    except OSError as error:
        page.say(words("support_failed", reason=error.strerror or str(error)))
    else:
        page.say(words("support_saved", path=path))


def _quit_on_signals(shell: Shell, application: QApplication) -> None:
    application.commitDataRequest.connect(lambda _session: shell.system_ends())  # Windows logs off or shuts down

    def leave(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            shell.system_ends()
        shell.quit()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    awake = QTimer(application)  # Python sees a signal only when Qt lets it run
    awake.timeout.connect(lambda: None)
    awake.start(250)
