"""The log-in window: 760 by 520, made for a numeric keypad, a touch screen and a person in a hurry."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from PyQt5.QtCore import QPoint, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QContextMenuEvent, QGuiApplication, QKeyEvent
from PyQt5.QtWidgets import QAction, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from shell_client.api.answers import StaffSession
from shell_client.api.background import Background
from shell_client.device.machine import machine_name, shown
from shell_client.login.activation import ActivationField
from shell_client.login.attempt import Attempt, Notice
from shell_client.login.field import PhoneField
from shell_client.login.keypad import Keypad
from shell_client.login.notices import NoticeBox
from shell_client.login.people import PeopleList
from shell_client.login.phone import normal_phone, spaced_phone
from shell_client.login.remembered import Remembered
from shell_client.login.side import Side
from shell_client.theme import Button, EnterButton, label
from shell_client.words import Words

if TYPE_CHECKING:  # slow to load: the window is shown before it
    from shell_client.api.client import StaffClient

LOOK_SECONDS, LOOK_AGAIN_SECONDS = 60, 5


class LoginWindow(QWidget):
    """Emits `logged_in(StaffSession)`, `closed()` when the person closes it, `support_wanted()` and `try_again()`.

    `try_again()` comes only where the window said that it cannot start.
    """

    logged_in = pyqtSignal(object)
    closed = pyqtSignal()
    support_wanted = pyqtSignal()
    try_again = pyqtSignal()

    def __init__(self, *, words: Words, code: str, remembered: Remembered, app_name: str | None) -> None:
        super().__init__()
        self.setWindowFlag(Qt.WindowType.MSWindowsFixedSizeDialogHint)
        self._words = words
        self._code = code
        self._remembered = remembered
        self._client: StaffClient | None = None
        self._background: Background | None = None
        self._attempt: Attempt | None = None
        self._locked_until = 0.0
        self._locked_reference = ""
        self._blocked = False

        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedSize(760, 520)
        name = app_name or words("app_name")
        self.setWindowTitle(f"{' '.join(name.split())} · {words('login_title')}")

        self.side = Side(words=words, name=name)
        self.notice = NoticeBox(words=words)
        self.field = PhoneField(words=words)
        self.phone = self.field.edit
        self.activation = ActivationField(words=words)
        self._keypad = Keypad(words=words)
        self.primary = EnterButton(words("log_in"))
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.side)
        across.addWidget(self._make_form(), 1)
        self._people = PeopleList(self, below=self.field)
        support = QAction(words("menu_support"), self)
        support.triggered.connect(lambda _=False: self.support_wanted.emit())
        self.addAction(support)
        self._listen()

        self._tick = QTimer(self)
        self._tick.timeout.connect(self._each_second)
        self._tick.start(1000)
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.timeout.connect(self._look_at_server)

        self._show_machine()
        self._each_second()
        self._fill_last_person()
        self._set_ready()

    # What the program does with the window

    def connect_to(self, client: StaffClient, background: Background) -> None:
        """Take the connection, once this machine's key is there: log-in is possible from now on."""
        self._client, self._background = client, background
        self._attempt = Attempt(
            client=client, background=background, machine_code=self._code, device_name=machine_name()
        )
        self._attempt.noticed.connect(self._show_notice)
        self._attempt.waits_for.connect(self._count_down)
        self._attempt.ended.connect(self._set_ready)
        self._attempt.logged_in.connect(self._welcome)
        self._set_ready()
        self._look_at_server()

    def cannot_start(self, headline: str, plain: str, reason: str) -> None:
        """Say by these words what is missing; the button tries again once a person has seen to it."""
        breakable = reason.replace("/", "/\u200b").replace("\\", "\\\u200b")  # a long path may wrap
        self._keypad.hide()
        self._gap.show()
        self._blocked = True
        self._show_notice(Notice("stop", headline, plain, {"reason": breakable}))

    def tell(self, notice: Notice) -> None:
        """Say something that stops nobody, where nothing else is said."""
        if not self.notice.isVisible():
            self._show_notice(notice)

    def appear(self, remembered: Remembered) -> None:
        """Show the window in the middle of the screen, ready for the next person."""
        self._remembered = remembered
        if self._client is not None:
            self._hide_notice()
            self._look_at_server()
        self._show_machine()
        self._fill_last_person()
        self._set_ready()
        screen = QGuiApplication.primaryScreen()
        if screen is not None:
            self.move(screen.availableGeometry().center() - QPoint(380, 260))
        self.show()
        self.raise_()
        self.activateWindow()
        self.phone.setFocus()

    # Its parts

    def _make_form(self) -> QWidget:
        form = QWidget()
        down = QVBoxLayout(form)
        down.setContentsMargins(28, 20, 28, 22)
        down.setSpacing(10)
        top = QHBoxLayout()
        top.addWidget(label(self._words("login_title"), "title"))
        top.addStretch()
        self._registered = label("", "quiet")
        top.addWidget(self._registered)
        self.have_code = Button(self._words("have_code"))
        self.have_code.setObjectName("link")
        self.have_code.setFixedHeight(32)  # no higher than the title: the keys need the room
        top.addWidget(self.have_code)
        down.addLayout(top)
        down.addWidget(self.notice)
        down.addWidget(self.field)
        self._machine = self._make_code_line()
        down.addWidget(self._machine)
        down.addWidget(self.activation)  # opens in the place of the line above: the window is full
        down.addWidget(self._keypad, 1)
        self._gap = QWidget()  # keeps the rest together where there is no keypad
        self._gap.hide()
        down.addWidget(self._gap, 1)
        down.addWidget(self.primary)
        order = (self.phone, self.activation.edit, self.copy, self.primary, self.have_code)
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)
        return form

    def _make_code_line(self) -> QWidget:
        line = QWidget()
        across = QHBoxLayout(line)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(10)
        across.addWidget(label(self._words("machine_code"), "quiet"))
        code = label(shown(self._code), "code")
        code.setToolTip(self._code)
        code.setAccessibleName(self._code)
        across.addWidget(code, 1)
        self.copy = Button(self._words("copy"))
        self.copy.setFixedSize(84, 40)
        across.addWidget(self.copy)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.timeout.connect(lambda: self.copy.setText(self._words("copy")))
        return line

    def _listen(self) -> None:
        self.field.edited.connect(self._edited)
        self.field.entered.connect(self._enter)
        self.field.stepped.connect(self._step_in_people)
        self.field.escaped.connect(self._step_back)
        self.phone.textChanged.connect(lambda _: self._show_name())
        self.activation.edited.connect(self._stop_trying)
        self.activation.entered.connect(self._submit)
        self.activation.escaped.connect(self._close_activation)
        self.have_code.clicked.connect(lambda _=False: self._toggle_activation())
        self._keypad.typed.connect(lambda digit: self._typed_in().type(digit))
        self._keypad.erased.connect(lambda: self._typed_in().erase())
        self._keypad.cleared.connect(self._switch_person)
        self._people.chosen.connect(self._choose)
        self.copy.clicked.connect(lambda _=False: self._copy_code())
        self.primary.clicked.connect(lambda _=False: self._submit())

    # What the person does

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter is log-in from anywhere in the window."""
        key = event.key() if event is not None else None
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        elif key == Qt.Key.Key_Escape:
            self._step_back()
        elif key == Qt.Key.Key_F12:
            self._open_menu(self.mapToGlobal(QPoint(20, 20)))
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Leave the program."""
        self._stop_trying()
        self.closed.emit()
        super().closeEvent(event)

    def _enter(self) -> None:
        if self.field.take_back_scan():
            return
        if self._people.isVisible():
            self._people.choose()
            return
        self._submit()

    def _submit(self) -> None:
        if self._blocked:
            self._unblock()
            return
        if not self.primary.isEnabled() or self._attempt is None:
            return
        self._people.hide()
        phone = normal_phone(self.phone.text())
        if phone is None:
            self._show_notice(Notice("stop", "bad_phone", "bad_phone_do"))
            self.phone.setFocus()
            return
        self._hide_notice()
        self.phone.setText(spaced_phone(phone))
        self._attempt.start(phone, activation_code=self.activation.code)
        if self.primary.hasFocus():  # it is disabled now, and Qt would hand the next Enter to whatever stands beside it
            self.phone.setFocus()
        self._set_ready()

    def _unblock(self) -> None:
        self._blocked = False
        self._gap.hide()
        self._keypad.show()
        self._hide_notice()
        self._set_ready()
        self.try_again.emit()

    def _typed_in(self) -> PhoneField | ActivationField:
        return self.activation if self.activation.edit.hasFocus() else self.field

    def _toggle_activation(self) -> None:
        if self.activation.isVisible():
            self._close_activation()
            return
        self._stop_trying()
        self._people.hide()
        self._machine.hide()
        self.activation.show()
        self.activation.edit.setFocus()
        self.have_code.setText(self._words("no_code"))

    def _close_activation(self) -> None:
        self._stop_trying()
        self.activation.forget()
        self._machine.show()
        self.have_code.setText(self._words("have_code"))
        self.phone.setFocus()

    def _edited(self) -> None:
        self._stop_trying()
        self._people.hide()

    def _switch_person(self) -> None:
        self._close_activation()
        self._hide_notice()
        self.phone.clear()
        self.phone.setFocus()
        if self._people.isVisible():
            self._people.hide()
        else:
            self._people.offer(self._remembered.people)

    def _step_in_people(self, rows: int) -> None:
        if self._people.isVisible():
            self._people.step(rows)
        elif rows > 0:
            self._people.offer(self._remembered.people)

    def _choose(self, phone: str) -> None:
        self._stop_trying()
        self.phone.setText(spaced_phone(phone))
        self.phone.setFocus()

    def _step_back(self) -> None:
        if self._people.isVisible():
            self._people.hide()
        elif self._attempt is not None and self._attempt.running:
            self._stop_trying()
        else:
            self._hide_notice()

    def _stop_trying(self) -> None:
        if self._attempt is not None and self._attempt.running:
            self._attempt.cancel()
            self._hide_notice()
        self._set_ready()

    def _copy_code(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._code)
        self.copy.setText(self._words("copied"))
        self._copied.start(2000)
        self.phone.setFocus()

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """Offer what helps support."""
        if event is not None:
            self._open_menu(event.globalPos())

    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self.actions())
        menu.popup(at)

    # What happens

    def _welcome(self, session: StaffSession) -> None:
        self._close_activation()
        self._hide_notice()
        self._set_ready()
        self._look.stop()
        self.logged_in.emit(session)

    def _count_down(self, seconds: int, reference: str) -> None:
        self._locked_until, self._locked_reference = time.monotonic() + seconds, reference
        self._show_notice(Notice("wait", "too_many", self._locked_words(), self._locked_values()))
        self._set_ready()

    def _each_second(self) -> None:
        clock = self._client.clock if self._client is not None else None
        now = clock.now() if clock is not None else time.time()
        skew = abs(clock.skew_minutes()) if clock is not None else 0
        self.side.show_time(datetime.fromtimestamp(now, UTC).astimezone(), skew_minutes=skew)
        if self._locked_until:
            self._still_locked()

    def _still_locked(self) -> None:
        if time.monotonic() >= self._locked_until:
            self._locked_until = 0.0
            self._hide_notice()
        else:
            self.notice.say_plain(self._words(self._locked_words(), **self._locked_values()))
        self._set_ready()

    def _locked_words(self) -> str:
        return "too_many_do_reference" if self._locked_reference else "too_many_do"

    def _locked_values(self) -> dict[str, object]:
        return {"seconds": self._locked_seconds(), "reference": self._locked_reference}

    def _locked_seconds(self) -> int:
        return max(1, round(self._locked_until - time.monotonic()))

    def _set_ready(self) -> None:
        running = self._attempt is not None and self._attempt.running
        if self._blocked:
            self.primary.say(self._words("try_again"), ready=True)
            return
        if self._locked_until:
            text = self._words("wait_seconds", seconds=self._locked_seconds())
        elif running:
            text = self._words("waiting" if self.notice.waits else "logging_in")
        else:
            text = self._words("log_in")
        self.primary.say(text, ready=self._attempt is not None and not running and not self._locked_until)

    def _show_notice(self, notice: Notice) -> None:
        self.notice.say(notice)
        if notice.headline == "no_server":
            self.side.show_server("gone")
        self._set_ready()

    def _hide_notice(self) -> None:
        if not self._locked_until and not self._blocked:
            self.notice.hide()

    def _fill_last_person(self) -> None:
        if self._remembered.people:
            self.phone.setText(spaced_phone(self._remembered.people[0].phone))
            self.phone.selectAll()  # the first digit of another person replaces it

    def _show_name(self) -> None:
        self.field.person.setText(self._remembered.name_of(normal_phone(self.phone.text())) or "")

    def _show_machine(self) -> None:
        till = self._remembered.till
        self._registered.setText(self._words("registered", till=till) if till else "")
        self.side.show_till(till)

    # Whether the server is there: this also brings its time and the nonce for the first proof

    def _look_at_server(self) -> None:
        if self._client is None or self._background is None:
            return
        self._background.run(self._client.look, lambda _: self._looked("up"), lambda _: self._looked("gone"))

    def _looked(self, state: str) -> None:
        self.side.show_server(state)
        self._each_second()
        if self.isVisible():
            self._look.start((LOOK_SECONDS if state == "up" else LOOK_AGAIN_SECONDS) * 1000)
