"""The log-in window: 760 by 520, made for a numeric keypad, a touch screen and a person in a hurry."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from PyQt5.QtCore import QEvent, QObject, QPoint, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QFont, QGuiApplication, QKeyEvent
from PyQt5.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from shell_client.api.background import Background
from shell_client.api.client import StaffClient, StaffSession
from shell_client.device.machine import machine_name, shown
from shell_client.login.attempt import Attempt, Notice
from shell_client.login.phone import normal_phone, spaced_phone
from shell_client.login.remembered import Remembered
from shell_client.login.scan import ScanWatch
from shell_client.theme import Button, Logo, StateDot, label, restyle
from shell_client.words import Words

LOOK_SECONDS, LOOK_AGAIN_SECONDS = 60, 5
SKEW_WORTH_TELLING_MINUTES = 2
_KEYS = ("7", "8", "9", "4", "5", "6", "1", "2", "3")


class LoginWindow(QWidget):
    """Emits `logged_in(StaffSession)`, and `closed()` when the person closes it."""

    logged_in = pyqtSignal(object)
    closed = pyqtSignal()

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
        self._scan = ScanWatch()

        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedSize(760, 520)
        name = app_name or words("app_name")
        self.setWindowTitle(f"{' '.join(name.split())} · {words('login_title')}")

        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self._make_side(name))
        across.addWidget(self._make_form(), 1)
        self._people = self._make_people()

        self._tick = QTimer(self)
        self._tick.timeout.connect(self._each_second)
        self._tick.start(1000)
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.timeout.connect(self._look_at_server)

        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.timeout.connect(lambda: self.copy.setText(self._words("copy")))

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

    def cannot_start(self, reason: str) -> None:
        """Say that the key store failed: nothing can be done here until a person has seen to it."""
        breakable = reason.replace("/", "/\u200b").replace("\\", "\\\u200b")  # a long path may wrap
        self._keypad.hide()
        self._show_notice(Notice("stop", "no_key", "no_key_do", {"reason": breakable}))

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

    def _make_side(self, name: str) -> QWidget:
        side = QWidget()
        side.setObjectName("side")
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        side.setFixedWidth(270)
        down = QVBoxLayout(side)
        down.setContentsMargins(24, 28, 24, 24)
        down.setSpacing(4)
        logo = QHBoxLayout()
        logo.setContentsMargins(2, 0, 0, 0)
        logo.addWidget(Logo())
        logo.addStretch()
        down.addLayout(logo)
        down.addSpacing(14)
        down.addWidget(label(name, "brand", wrap=True))
        down.addStretch()
        self._clock = label("", "clock")
        self._date = label()
        self._place = label(wrap=True)
        down.addWidget(self._clock)
        down.addWidget(self._date)
        down.addWidget(self._place)
        server = QHBoxLayout()
        server.setSpacing(6)
        self._dot = StateDot()
        self._server = label(self._words("server_looking"))
        server.addWidget(self._dot)
        server.addWidget(self._server, 1)
        down.addLayout(server)
        self._skew = label(wrap=True)
        self._skew.hide()
        down.addWidget(self._skew)
        return side

    def _make_form(self) -> QWidget:
        form = QWidget()
        down = QVBoxLayout(form)
        down.setContentsMargins(28, 22, 28, 24)
        down.setSpacing(12)
        top = QHBoxLayout()
        top.addWidget(label(self._words("login_title"), "title"))
        top.addStretch()
        self._registered = label("", "quiet")
        top.addWidget(self._registered)
        down.addLayout(top)
        down.addWidget(self._make_notice())
        down.addWidget(self._make_phone())
        down.addLayout(self._make_code_line())
        self._keypad = QWidget()
        self._keypad.setLayout(self._make_keypad())
        down.addWidget(self._keypad)
        down.addStretch(1)
        self.primary = self._make_primary()
        down.addWidget(self.primary)
        QWidget.setTabOrder(self.phone, self.copy)
        QWidget.setTabOrder(self.copy, self.primary)
        return form

    def _make_notice(self) -> QFrame:
        self._notice = QFrame()
        self._notice.setObjectName("notice")
        down = QVBoxLayout(self._notice)
        down.setContentsMargins(14, 7, 14, 7)
        down.setSpacing(1)
        self._headline = label("", "headline", wrap=True)
        self._plain = label("", "plain", wrap=True)
        self._plain.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        down.addWidget(self._headline)
        down.addWidget(self._plain)
        self._notice.hide()
        return self._notice

    def _make_phone(self) -> QFrame:
        self._field = QFrame()
        self._field.setObjectName("field")
        self._field.setFixedHeight(52)
        across = QHBoxLayout(self._field)
        across.setContentsMargins(14, 0, 14, 0)
        across.setSpacing(12)
        across.addWidget(label(self._words("phone")))
        self.phone = QLineEdit()
        self.phone.setMaxLength(24)
        spaced = self.phone.font()
        spaced.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 1)
        self.phone.setFont(spaced)
        self.phone.setAccessibleName(self._words("phone"))
        self.phone.setInputMethodHints(Qt.InputMethodHints(Qt.InputMethodHint.ImhPreferNumbers))
        self.phone.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.phone.installEventFilter(self)
        self.phone.textEdited.connect(self._edited)
        self.phone.textChanged.connect(lambda _: self._show_name())
        self._name = label("", "person")
        across.addWidget(self.phone, 1)
        across.addWidget(self._name)
        return self._field

    def _make_code_line(self) -> QHBoxLayout:
        across = QHBoxLayout()
        across.setSpacing(10)
        across.addWidget(label(self._words("machine_code"), "quiet"))
        code = label(shown(self._code), "code")
        code.setToolTip(self._code)
        code.setAccessibleName(self._code)
        across.addWidget(code, 1)
        self.copy = Button(self._words("copy"))
        self.copy.setFixedSize(84, 40)
        self.copy.clicked.connect(lambda _=False: self._copy_code())
        across.addWidget(self.copy)
        return across

    def _make_keypad(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        for place, digit in enumerate(_KEYS):
            grid.addWidget(self._make_key(digit, partial(self._type, digit)), place // 3, place % 3)
        self.switch = self._make_key(self._words("switch_person"), self._switch_person)
        self.switch.setProperty("words", "true")
        erase = self._make_key("⌫", self._erase)
        erase.setAccessibleName(self._words("erase"))
        grid.addWidget(self.switch, 3, 0)
        grid.addWidget(self._make_key("0", partial(self._type, "0")), 3, 1)
        grid.addWidget(erase, 3, 2)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        return grid

    def _make_key(self, text: str, action: Callable[[], None]) -> Button:
        key = Button(text)
        key.setObjectName("key")
        key.setMinimumHeight(32)
        key.setMaximumHeight(44)
        key.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        key.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard's own digits stay in the field
        key.clicked.connect(lambda _=False: action())
        return key

    def _make_primary(self) -> Button:
        button = Button()
        button.setObjectName("primary")
        button.setFixedHeight(56)
        button.setAccessibleName(self._words("log_in"))
        across = QHBoxLayout(button)
        across.setSpacing(10)
        across.addStretch()
        self._primary_words = label(self._words("log_in"))
        self._keycap = label("Enter", "keycap")
        for part in (self._primary_words, self._keycap):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            across.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
        across.addStretch()
        button.clicked.connect(lambda _=False: self._submit())
        return button

    def _make_people(self) -> QListWidget:
        people = QListWidget(self)
        people.setObjectName("people")
        people.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        people.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        people.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        people.itemClicked.connect(self._choose)
        people.hide()
        return people

    # What the person does

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Give Enter, the arrows and Esc in the phone field their meaning."""
        if watched is self.phone and event is not None:
            if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                return self._key(event)
            if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
                restyle(self._field, "active", "true" if event.type() == QEvent.Type.FocusIn else "false")
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter is log-in from anywhere in the window."""
        key = event.key() if event is not None else None
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        elif key == Qt.Key.Key_Escape:
            self._step_back()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Leave the program."""
        self._stop_trying()
        self.closed.emit()
        super().closeEvent(event)

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self._enter()
            return True
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._move_in_people(1 if key == Qt.Key.Key_Down else -1)
            return True
        if key == Qt.Key.Key_Escape:
            self._step_back()
            return True
        if event.text().isprintable() and event.text():
            self._scan.typed(time.monotonic(), text_before=self.phone.text())
        return False

    def _enter(self) -> None:
        before = self._scan.entered(time.monotonic())
        if before is not None:  # a scanner, not a person: undo what it typed
            self.phone.setText(before)
            return
        chosen = self._people.currentItem()
        if self._people.isVisible() and chosen is not None:
            self._choose(chosen)
            return
        self._submit()

    def _submit(self) -> None:
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
        self._attempt.start(phone)
        self._set_ready()

    def _edited(self, text: str) -> None:
        self._stop_trying()
        self._people.hide()
        spaced = spaced_phone(text)
        if spaced != text:
            after = len(text) - self.phone.cursorPosition()  # keep the cursor before the same digit
            self.phone.setText(spaced)
            self.phone.setCursorPosition(max(0, len(spaced) - after))

    def _type(self, digit: str) -> None:
        self._stop_trying()
        self._people.hide()
        self.phone.setFocus()
        self.phone.insert(digit)
        self._edited(self.phone.text())

    def _erase(self) -> None:
        self._stop_trying()
        self.phone.setFocus()
        if self.phone.hasSelectedText():
            self.phone.insert("")
            return
        self.phone.backspace()
        self._edited(self.phone.text())

    def _switch_person(self) -> None:
        self._stop_trying()
        self._hide_notice()
        self.phone.clear()
        self.phone.setFocus()
        if self._people.isVisible():
            self._people.hide()
        elif self._remembered.people:
            self._show_people()

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

    # The last five people

    def _show_people(self) -> None:
        self._people.clear()
        for person in self._remembered.people:
            item = QListWidgetItem(f"{spaced_phone(person.phone)}    {person.name}")
            item.setData(Qt.ItemDataRole.UserRole, person.phone)
            self._people.addItem(item)
        corner = self._field.mapTo(self, QPoint(0, self._field.height() + 4))
        self._people.setGeometry(corner.x(), corner.y(), self._field.width(), 12 + 44 * self._people.count())
        self._people.setCurrentRow(0)
        self._people.show()
        self._people.raise_()

    def _move_in_people(self, step: int) -> None:
        if not self._people.isVisible():
            if step > 0 and self._remembered.people:
                self._show_people()
            return
        row = self._people.currentRow() + step
        if row < 0:
            self._people.hide()
        elif row < self._people.count():
            self._people.setCurrentRow(row)

    def _choose(self, item: QListWidgetItem) -> None:
        self._people.hide()
        self._stop_trying()
        self.phone.setText(spaced_phone(item.data(Qt.ItemDataRole.UserRole)))
        self.phone.setFocus()

    def _fill_last_person(self) -> None:
        if self._remembered.people:
            self.phone.setText(spaced_phone(self._remembered.people[0].phone))
            self.phone.selectAll()  # the first digit of another person replaces it

    def _show_name(self) -> None:
        name = self._remembered.name_of(normal_phone(self.phone.text()))
        self._name.setText(name or "")

    # What happens

    def _welcome(self, session: StaffSession) -> None:
        self._hide_notice()
        self._set_ready()
        self._look.stop()
        self.logged_in.emit(session)

    def _count_down(self, seconds: int) -> None:
        self._locked_until = time.monotonic() + seconds
        self._show_notice(Notice("wait", "too_many", "too_many_do", {"seconds": seconds}))
        self._set_ready()

    def _each_second(self) -> None:
        server_time = self._client.clock.now() if self._client is not None else time.time()
        moment = datetime.fromtimestamp(server_time, UTC).astimezone()
        self._clock.setText(f"{moment:%H:%M}")
        weekday = self._words("weekdays").split()[moment.weekday()]
        self._date.setText(self._words("date", month=moment.month, day=moment.day, weekday=weekday))
        skew = abs(self._client.clock.skew_minutes()) if self._client is not None else 0
        self._skew.setText(self._words("clock", minutes=skew))
        self._skew.setVisible(skew >= SKEW_WORTH_TELLING_MINUTES)
        if self._locked_until:
            self._still_locked()

    def _still_locked(self) -> None:
        if time.monotonic() >= self._locked_until:
            self._locked_until = 0.0
            self._hide_notice()
        else:
            self._plain.setText(self._words("too_many_do", seconds=self._locked_seconds()))
        self._set_ready()

    def _locked_seconds(self) -> int:
        return max(1, round(self._locked_until - time.monotonic()))

    def _set_ready(self) -> None:
        running = self._attempt is not None and self._attempt.running
        if self._locked_until:
            text = self._words("wait_seconds", seconds=self._locked_seconds())
        elif running:
            waiting = self._notice.isVisible() and self._notice.property("tone") == "wait"
            text = self._words("waiting") if waiting else self._words("logging_in")
        else:
            text = self._words("log_in")
        ready = self._attempt is not None and not running and not self._locked_until
        self._primary_words.setText(text)
        self._primary_words.setStyleSheet("" if ready else "color: #514C44")
        self._keycap.setVisible(ready)
        self.primary.setAccessibleName(text)
        self.primary.setEnabled(ready)

    def _show_notice(self, notice: Notice) -> None:
        values = notice.values
        self._headline.setText(self._words(notice.headline, **values))
        self._plain.setText(self._words(notice.plain, **values) if notice.plain else "")
        self._plain.setVisible(notice.plain is not None)
        restyle(self._notice, "tone", notice.tone)
        self._notice.setVisible(True)
        self._notice.setAccessibleName(f"{self._headline.text()} {self._plain.text()}")
        if notice.headline == "no_server":
            self._show_server("gone")
        self._set_ready()

    def _hide_notice(self) -> None:
        if not self._locked_until:
            self._notice.hide()

    def _show_machine(self) -> None:
        till = self._remembered.till
        self._registered.setText(self._words("registered", till=till) if till else "")
        place = " · ".join(part for part in (self._remembered.cinema, till) if part)
        self._place.setText(place)
        self._place.setVisible(bool(place))

    # Whether the server is there: this also brings its time and the nonce for the first proof

    def _look_at_server(self) -> None:
        if self._client is None or self._background is None:
            return
        self._background.run(self._client.look, lambda _: self._looked("up"), lambda _: self._looked("gone"))

    def _looked(self, state: str) -> None:
        self._show_server(state)
        self._each_second()
        if self.isVisible():
            self._look.start((LOOK_SECONDS if state == "up" else LOOK_AGAIN_SECONDS) * 1000)

    def _show_server(self, state: str) -> None:
        self._dot.show_state(state)
        self._server.setText(self._words("server_ok" if state == "up" else "server_gone"))
