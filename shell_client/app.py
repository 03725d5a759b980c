"""The program: it puts settings, key, log-in window and ticket screens together."""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import MutableMapping
from pathlib import Path
from types import FrameType, TracebackType

import truststore
from PyQt5 import QtWebEngineWidgets  # noqa: F401 - the engine must be loaded before the application exists
from PyQt5.QtCore import QObject, Qt, QTimer
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtNetwork import QNetworkProxy
from PyQt5.QtWidgets import QApplication, QMessageBox

from shell_client import __version__
from shell_client.api.background import Background
from shell_client.api.client import StaffClient, StaffSession
from shell_client.browser.window import TillWindow
from shell_client.config import Config, ConfigError, load_config
from shell_client.device.key import DeviceKey
from shell_client.device.keystore import KeyStoreError, load_device_key
from shell_client.device.machine import machine_code
from shell_client.login.remembered import Person, load_remembered, save_remembered
from shell_client.login.window import LoginWindow
from shell_client.theme import STYLE, base_font
from shell_client.words import Words, choose_language

log = logging.getLogger(__name__)

_SANDBOX_SWITCH = "QTWEBENGINE_DISABLE_SANDBOX"


class Shell(QObject):
    """One run of the program: log-in window, ticket screens, and from each to the other."""

    def __init__(self, *, config: Config) -> None:
        super().__init__()
        self._config = config
        self.words = Words(choose_language(config.language))
        self._remembered = load_remembered(config.data_dir)
        self._background = Background()
        self._client: StaffClient | None = None
        self.till: TillWindow | None = None
        self.login = LoginWindow(
            words=self.words,
            code=machine_code(data_dir=config.data_dir, own_data_dir=config.own_data_dir),
            remembered=self._remembered,
            app_name=config.app_name,
        )
        self.login.logged_in.connect(self._open_till)
        self.login.closed.connect(self.quit)

    def start(self) -> None:
        """Show the log-in window, then fetch the key: a key store may ask its user first."""
        self.login.appear(self._remembered)
        config = self._config
        self._background.run(
            lambda: load_device_key(data_dir=config.data_dir, own_data_dir=config.own_data_dir),
            self._connect,
            self._no_key,
        )

    def quit(self) -> None:
        """End the program, logged out where someone was logged in."""
        if self.till is not None:
            self._leave_till(True)
            return
        if self._client is not None:
            self._client.stop()
        self._background.stop()
        QApplication.quit()

    def _connect(self, key: DeviceKey) -> None:
        log.info("shell %s, device key %s, server %s", __version__, key.thumbprint, self._config.api_base_url)
        self._client = StaffClient(base_url=self._config.api_base_url, key=key, language=self.words.language)
        self.login.connect_to(self._client, self._background)

    def _no_key(self, error: Exception) -> None:
        log.error("no device key", exc_info=error)
        self.login.cannot_start(str(error) if isinstance(error, KeyStoreError) else repr(error))

    def _open_till(self, session: StaffSession) -> None:
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
        self.till.open()
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


def main() -> int:
    """Run the shell; return 0, or 2 where it could not start (one line says why)."""
    try:
        application, shell = build(os.environ)
    except ConfigError as error:
        _cannot_start(str(error))
        return 2
    _quit_on_signals(shell, application)
    QTimer.singleShot(0, shell.start)
    return application.exec_()


def build(environ: MutableMapping[str, str]) -> tuple[QApplication, Shell]:
    """Return the application and its shell, not yet started; raises ConfigError."""
    config = load_config(environ=environ, program_dir=_program_dir())
    _close_engine_switches(environ)
    _start_log(config)
    truststore.inject_into_ssl()  # the system's certificates count for our calls as for the view
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
    sys.excepthook = _log_exception
    return application, Shell(config=config)


def _program_dir() -> Path:
    if getattr(sys, "frozen", False):
        return Path(sys.executable).parent
    return Path(__file__).resolve().parent.parent


def _close_engine_switches(environ: MutableMapping[str, str]) -> None:
    """Remove what would make the engine debuggable or careless; root alone keeps the sandbox switch.

    Raises ConfigError for root without it: the engine would end the process without a word to the person.
    """
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # never on Windows
    kept = is_root and environ.get(_SANDBOX_SWITCH) == "1"
    for name in [name for name in environ if name.upper().startswith("QTWEBENGINE")]:
        del environ[name]
    environ.pop("SSLKEYLOGFILE", None)
    if kept:
        environ[_SANDBOX_SWITCH] = "1"
    elif is_root:
        raise ConfigError(f"the web view does not run as root; use another user ({_SANDBOX_SWITCH}=1 is for tests)")


def _start_log(config: Config) -> None:
    handlers: list[logging.Handler] = []
    if sys.stderr is not None:  # a windowed program on Windows has none
        handlers.append(logging.StreamHandler())
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        file = config.data_dir / "shell.log"
        handlers.append(logging.handlers.RotatingFileHandler(file, maxBytes=1_000_000, backupCount=3, encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{config.data_dir}: nothing can be kept there ({error.strerror})") from error
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=config.log_level, format=form, handlers=handlers)
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _cannot_start(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"shell: {line}\n")
    if getattr(sys, "frozen", False):
        _box = QApplication.instance() or QApplication(sys.argv[:1])
        QMessageBox.critical(None, "cinema-till", line)


def _log_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write down what nobody caught: without this Qt ends the process, in the middle of a sale."""
    log.critical("unexpected", exc_info=(kind, error, trace))


def _quit_on_signals(shell: Shell, application: QApplication) -> None:
    def leave(_number: int, _frame: FrameType | None) -> None:
        shell.quit()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    awake = QTimer(application)  # Python sees a signal only when Qt lets it run
    awake.timeout.connect(lambda: None)
    awake.start(250)
