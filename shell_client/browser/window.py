"""The main window: the ticket screens in the web view, and what is shown when they cannot be."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import partial

from PyQt5 import sip
from PyQt5.QtCore import QPoint, QSize, Qt, QTimer, QUrl, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QGuiApplication, QKeySequence
from PyQt5.QtWebEngineWidgets import QWebEnginePage, QWebEngineView
from PyQt5.QtWidgets import QAction, QMenu, QStackedWidget, QVBoxLayout, QWidget

from shell_client.api.background import Background
from shell_client.api.client import StaffClient, StaffSession
from shell_client.api.errors import Refused, ServerUnreachable
from shell_client.browser.native import NativePage, Strip
from shell_client.browser.origin import Origin
from shell_client.browser.page import TillPage, make_profile
from shell_client.browser.printing import TicketPrinter, find_printer
from shell_client.session import Heartbeat
from shell_client.words import Words

log = logging.getLogger(__name__)

CRASHES_BORNE = 3
CRASH_MEMORY_SECONDS = 600
RENEWALS_BORNE = 3
RENEWAL_MEMORY_SECONDS = 60
BARRED = frozenset({"unbound", "disabled", "changed"})
"""Reasons after which this person may be unable to log in here again: the sale is for someone else."""
RETRY_SECONDS = (2, 4, 8, 15, 30)
_PAYMENT = re.compile(r"/till/orders/([0-9a-f]{24})/pay")
_PROXY_ERROR = re.compile(r"(429|50[0-9]) ")
"""How a proxy in front of the server titles the page that it answers instead: the engine tells no status."""


class TillWindow(QWidget):
    """Signals: `leaving(bool)` when the person logs out (true: closes the program), `back_to_login()`.

    `payment_begins(order)` comes before the request is sent, and holds it until every slot has returned;
    `support_wanted()` when the person asks for the support bundle.
    """

    leaving = pyqtSignal(bool)
    back_to_login = pyqtSignal()
    payment_begins = pyqtSignal(str)
    support_wanted = pyqtSignal()

    def __init__(
        self,
        *,
        words: Words,
        client: StaffClient,
        background: Background,
        session: StaffSession,
        heartbeat_seconds: float,
        app_name: str | None,
        printer_name: str | None,
    ) -> None:
        super().__init__(None)
        self._words = words
        self._client = client
        self._background = background
        self._origin = Origin.of(QUrl(client.base_url))
        self._last: QUrl | None = None
        self._return_to: QUrl | None = None
        self._crashes: list[float] = []
        self._renewals: list[float] = []
        self._offline_tries = 0
        self._seconds_left = 0
        self._opening = False
        self._renew_wanted = False
        self._over = False  # no session any more: nothing of it may open a page or speak
        self._leaving = False

        name = " ".join((app_name or words("app_name")).split())
        self.setWindowTitle(f"{name} · {session.name}")
        self.setMinimumSize(1024, 640)
        self.heartbeat = Heartbeat(client=client, background=background, seconds=heartbeat_seconds)
        self.heartbeat.alive.connect(self._alive)
        self.heartbeat.missed.connect(self._missed)
        self.heartbeat.expired.connect(self._expired)
        self.heartbeat.revoked.connect(self._revoked)
        self._retry = QTimer(self)
        self._retry.setInterval(1000)
        self._retry.timeout.connect(self._count_down)

        self._printer_name = printer_name
        self._printer = TicketPrinter(find=partial(find_printer, printer_name))
        self._printer.not_printed.connect(self._not_printed)
        self._profile = make_profile(origin=self._origin, language=words.language)
        self._profile.interceptor.posting = self._posting  # type: ignore[attr-defined]
        self._profile.downloads.saved.connect(self._file_saved)  # type: ignore[attr-defined]
        self._profile.downloads.not_saved.connect(self._file_not_saved)  # type: ignore[attr-defined]
        self.page = self._make_page()
        self.view = self._make_view()
        self.native = NativePage()
        self.strip = Strip()
        self.file_strip = Strip()
        self.print_strip = Strip()  # of its own: a heartbeat that is well again takes the other away
        self._printer.started.connect(self.print_strip.hide)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.native)
        self._stack.addWidget(self.view)
        down = QVBoxLayout(self)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(0)
        for strip in (self.strip, self.print_strip, self.file_strip):
            down.addWidget(strip)
        down.addWidget(self._stack, 1)
        self._menu = self._make_menu()

    def open(self, *, order: str | None = None) -> None:
        """Show the window, as large as the screen lets it, and open the ticket screens, or there an order."""
        if order is not None:
            self._return_to = QUrl(f"{self._client.base_url}/till/orders/{order}/")
        screen = QGuiApplication.primaryScreen()
        room = screen.availableGeometry() if screen is not None else None
        self.resize(room.size() if room is not None else QSize(1280, 720))
        if room is not None:
            self.move(room.topLeft())
        self.showMaximized()
        self._say(self._words("opening"))
        self._enter()

    def end(self) -> None:
        """Let go of the engine: pages before their profile, or it crashes."""
        self._over = True
        self.heartbeat.stop()
        self._retry.stop()
        if not sip.isdeleted(self.page):
            self.view.close()
            sip.delete(self.view)
            sip.delete(self.page)
            sip.delete(self._profile)
        self.hide()
        self.deleteLater()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Log out, then leave: the program closes this window itself once that is done."""
        if event is not None:
            event.ignore()
        self._leave(closing=True)

    @property
    def showing(self) -> str:
        """Return `screens` or `native`: which of the two the person sees."""
        return "screens" if self._stack.currentWidget() is self.view else "native"

    # Opening the screens

    def _make_view(self) -> QWebEngineView:
        view = QWebEngineView()
        view.setPage(self.page)
        view.setAcceptDrops(False)  # a file that is dropped on a page is the page's to read
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        return view

    def _make_page(self) -> TillPage:
        page = TillPage(self._profile, origin=self._origin)
        page.session_ended.connect(self._page_says_ended)
        page.call_refused.connect(self.heartbeat.check_now)
        page.opened.connect(self._opened)
        page.failed.connect(self._go_offline)
        page.renderProcessTerminated.connect(self._crashed)
        page.printRequested.connect(partial(self._printer.print_page, page))
        return page

    def _enter(self) -> None:
        if self._opening or self._over:
            return
        self._opening = True
        self._background.run(self._client.web_address, self._go, self._not_opened)

    def _go(self, address: str) -> None:
        self._opening = False
        if self._over:
            return
        url = QUrl(address)
        if not self._origin.admits(url):
            log.error("the server's one-time address is not at %s", self._client.base_url)
            self._say(self._words("foreign"), self._words("foreign_do"), actions=[self._log_in_again()])
            return
        self.page.load(url)

    def _not_opened(self, error: Exception) -> None:
        self._opening = False
        if self._over:
            return
        if isinstance(error, ServerUnreachable) or (isinstance(error, Refused) and error.passes):
            self._go_offline()
        elif isinstance(error, Refused) and not error.ends_session:
            retry = (self._words("retry_now"), self._enter)
            self._say(
                self._words("not_opened", code=error.code),
                self._words("not_opened_do"),
                actions=[retry, self._log_in_again()],
            )
        else:
            self.heartbeat.judge(error)

    def _opened(self, title: str, good: bool) -> None:
        if self._over:
            return
        if _PROXY_ERROR.match(title):
            self._go_offline()
            return
        here, back = self.page.url(), self._return_to
        self._return_to = None
        if back is not None and back != here:
            self.page.load(back)  # where the person was before the screens' session was renewed
            return
        if good:
            self._last = here
        self._offline_tries = 0
        self._retry.stop()
        if self.showing != "screens":
            self._stack.setCurrentWidget(self.view)
            self.view.setFocus()

    def _page_says_ended(self) -> None:
        """The screens have no session any more: the server knows whether the person still has one."""
        if self._over:
            return
        self._return_to = self._return_to or self._last
        self._renew_wanted = True
        self._say(self._words("opening"))
        self.heartbeat.check_now()

    def _renew(self) -> None:
        self._renew_wanted = False
        now = time.monotonic()
        self._renewals = [at for at in self._renewals if now - at < RENEWAL_MEMORY_SECONDS]
        if len(self._renewals) >= RENEWALS_BORNE:
            retry = (self._words("retry_now"), self._open_again)
            self._say(
                self._words("not_opened", code="till_ended"),
                self._words("not_opened_do"),
                actions=[retry, self._log_in_again()],
            )
            return
        self._renewals.append(now)
        self._enter()

    def _posting(self, path: str) -> None:
        payment = _PAYMENT.fullmatch(path)
        if payment is not None:
            self.payment_begins.emit(payment[1])

    # The heartbeat's news

    def _alive(self) -> None:
        self.strip.hide()
        if self._renew_wanted:
            self._renew()
        elif self._offline_tries:
            self._come_back()

    def _missed(self, times: int) -> None:
        if self.showing == "screens":  # a sale may be under way: say it, cover nothing
            retry = (self._words("retry_now"), self.heartbeat.check_now)
            self.strip.say(self._words("strip_offline", tries=times), action=retry)
        elif self._offline_tries or self._renew_wanted:
            self._wait_offline()

    def _expired(self) -> None:
        again = self._log_in_again()
        if self.showing == "screens":
            self.strip.say(self._words("strip_expired"), action=again)
        else:
            self._say(self._words("strip_expired"), actions=[again])

    def _revoked(self, refused: Refused) -> None:
        self._over = True
        self._retry.stop()
        self.strip.hide()
        self.print_strip.hide()
        self.file_strip.hide()
        self.page.triggerAction(QWebEnginePage.WebAction.Stop)
        reason = str(refused.body.get("reason", ""))
        why = f"why_{reason}"
        plain = self._words(why) if self._words.has(why) else str(refused.body.get("detail", ""))
        step = "do_log_in" if reason in ("idle", "expired", "logged_out") else "do_call"
        self._say(
            self._words("ended"),
            self._words.sentences(plain, self._words(step)),
            small=self._words("ended_sale_of_others" if reason in BARRED else "ended_sale"),
            actions=[(self._words("back_to_login"), self.back_to_login.emit)],
        )

    # Printing

    def _not_printed(self, why: str) -> None:
        if not self._over:
            text = self._words.sentences(self._words(why, printer=self._printer_name), self._words("print_kept"))
            self.print_strip.say(text, action=(self._words("understood"), self._print_understood))

    def _print_understood(self) -> None:
        self._understood(self.print_strip)

    # Files

    def _file_saved(self, path: str) -> None:
        self._say_of_file(self._words("file_saved", path=path))

    def _file_not_saved(self) -> None:
        self._say_of_file(self._words("file_not_saved"))

    def _say_of_file(self, text: str) -> None:
        if not self._over:
            self.file_strip.say(text, action=(self._words("understood"), self._file_understood))

    def _file_understood(self) -> None:
        self._understood(self.file_strip)

    def _understood(self, strip: Strip) -> None:
        strip.hide()
        (self.view if self.showing == "screens" else self.native).setFocus()  # the keys belong to the sale again

    # No connection

    def _go_offline(self) -> None:
        if self._over:
            return
        self.strip.hide()
        self._wait_offline()

    def _wait_offline(self) -> None:
        self._seconds_left = RETRY_SECONDS[min(self._offline_tries, len(RETRY_SECONDS) - 1)]
        self._offline_tries += 1
        retry = (self._words("retry_now"), self._retry_now)
        self._say(
            self._words("offline"),
            self._words("offline_do"),
            small=self._words("offline_next", seconds=self._seconds_left),
            actions=[retry],
        )
        self._retry.start()

    def _count_down(self) -> None:
        self._seconds_left -= 1
        if self._seconds_left > 0:
            self.native.say_small(self._words("offline_next", seconds=self._seconds_left))
        else:
            self._retry_now()

    def _retry_now(self) -> None:
        self._retry.stop()
        self.native.say_small(self._words("offline_trying"))
        self.heartbeat.check_now()  # its answer brings us back, or to the next wait

    def _come_back(self) -> None:
        self._retry.stop()
        if self._last is None:
            self._enter()
        else:
            self.page.load(self._last)

    # The engine's crashes

    def _crashed(self, status: QWebEnginePage.RenderProcessTerminationStatus, code: int) -> None:
        if self._over or status == QWebEnginePage.RenderProcessTerminationStatus.NormalTerminationStatus:
            return
        now = time.monotonic()
        self._crashes = [at for at in self._crashes if now - at < CRASH_MEMORY_SECONDS]
        self._crashes.append(now)
        log.error("the page's process ended (%s, %d), time %d", status, code, len(self._crashes))
        QTimer.singleShot(0, self._after_crash)  # not from within the engine's own signal

    def _after_crash(self) -> None:
        if self._over:
            return
        broken, self.page = self.page, self._make_page()  # out of sight the old one would answer no script again
        self.view.setPage(self.page)
        sip.delete(broken)
        if len(self._crashes) <= CRASHES_BORNE:
            self._come_back()
            return
        again = (self._words("open_again"), self._open_again)
        self._say(self._words("crashed"), self._words("crashed_do"), actions=[again, self._log_in_again()])

    def _open_again(self) -> None:
        self._crashes, self._renewals = [], []
        self._say(self._words("opening"))
        self._enter()

    # The menu

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        actions: tuple[tuple[str, str, Callable[[], None]], ...] = (
            ("menu_reload", "F5", self._reload),
            ("menu_full_screen", "F11", self._toggle_full_screen),
            ("menu_support", "", self.support_wanted.emit),
            ("menu_log_out", "", self._log_out),
        )
        for key, shortcut, act in actions:
            action = QAction(self._words(key), self)
            action.triggered.connect(lambda _=False, act=act: act())
            if shortcut:
                action.setShortcut(QKeySequence(shortcut))
            self.addAction(action)
            menu.addAction(action)
        opener = QAction(self)
        opener.setShortcut(QKeySequence("F12"))  # with F5 and F11 the keys that no screen uses
        opener.triggered.connect(lambda: self._show_menu(QPoint(20, 20)))
        self.addAction(opener)
        return menu

    def _show_menu(self, at: QPoint) -> None:
        self._menu.popup(self.mapToGlobal(at))

    def _reload(self) -> None:
        if self.showing == "screens":
            self.page.triggerAction(QWebEnginePage.WebAction.Reload)

    def _toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showMaximized()
        else:
            self.showFullScreen()

    def _log_out(self) -> None:
        self._leave(closing=False)

    def _leave(self, *, closing: bool) -> None:
        if self._leaving:
            return
        self._leaving = self._over = True
        self.heartbeat.stop()
        self._retry.stop()
        self.leaving.emit(closing)

    def _log_in_again(self) -> tuple[str, Callable[[], None]]:
        return self._words("log_in_again"), self._log_out

    def _say(
        self,
        headline: str,
        plain: str = "",
        *,
        small: str = "",
        actions: list[tuple[str, Callable[[], None]]] | None = None,
    ) -> None:
        self.native.say(headline=headline, plain=plain, small=small, actions=actions or [])
        self._stack.setCurrentWidget(self.native)
        self.native.setFocus()
        log.info("native page: %s", headline)
