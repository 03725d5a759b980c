"""The phone field: it groups the digits, names the person, and lets no scanner type into it."""

from __future__ import annotations

import time

from PyQt5.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt5.QtGui import QFont, QKeyEvent
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLineEdit

from shell_client.login.phone import spaced_phone
from shell_client.login.scan import ScanWatch
from shell_client.theme import label, restyle
from shell_client.words import Words


class PhoneField(QFrame):
    """Signals: `edited()` by a person; `entered()`, `stepped(rows)` and `escaped()` by the keys of these names."""

    edited = pyqtSignal()
    entered = pyqtSignal()
    stepped = pyqtSignal(int)
    escaped = pyqtSignal()

    def __init__(self, *, words: Words) -> None:
        super().__init__()
        self._scan = ScanWatch()
        self.setObjectName("field")
        self.setFixedHeight(52)
        across = QHBoxLayout(self)
        across.setContentsMargins(14, 0, 14, 0)
        across.setSpacing(12)
        across.addWidget(label(words("phone")))
        self.edit = QLineEdit()
        self.edit.setMaxLength(24)
        spaced = self.edit.font()
        spaced.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 1)
        self.edit.setFont(spaced)
        self.edit.setAccessibleName(words("phone"))
        self.edit.setInputMethodHints(Qt.InputMethodHints(Qt.InputMethodHint.ImhPreferNumbers))
        self.edit.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.edit.installEventFilter(self)
        self.edit.textEdited.connect(self._edited)
        self.person = label("", "person")
        across.addWidget(self.edit, 1)
        across.addWidget(self.person)

    def type(self, digit: str) -> None:
        """Type a digit at the cursor, as the keyboard does."""
        self.edit.setFocus()
        self.edit.insert(digit)
        self._edited(self.edit.text())

    def erase(self) -> None:
        """Take away what is marked, else the digit before the cursor."""
        self.edit.setFocus()
        if self.edit.hasSelectedText():
            self.edit.insert("")
            self.edited.emit()
        else:
            self.edit.backspace()
            self._edited(self.edit.text())

    def take_back_scan(self) -> bool:
        """Undo what a scanner typed; false where the Enter just pressed was a person's."""
        before = self._scan.entered(time.monotonic())
        if before is not None:
            self.edit.setText(before)
        return before is not None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Give Enter, the arrows and Esc their meaning."""
        if watched is self.edit and event is not None:
            if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                return self._key(event)
            if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
                restyle(self, "active", "true" if event.type() == QEvent.Type.FocusIn else "false")
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.entered.emit()
            return True
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.stepped.emit(1 if key == Qt.Key.Key_Down else -1)
            return True
        if key == Qt.Key.Key_Escape:
            self.escaped.emit()
            return True
        if event.text().isprintable() and event.text():
            self._scan.typed(time.monotonic(), text_before=self.edit.text())
        return False

    def _edited(self, text: str) -> None:
        spaced = spaced_phone(text)
        if spaced != text:
            after = len(text) - self.edit.cursorPosition()  # keep the cursor before the same digit
            self.edit.setText(spaced)
            self.edit.setCursorPosition(max(0, len(spaced) - after))
        self.edited.emit()
