"""The field for an activation code, which a person opens who has one from a manager."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLineEdit

from shell_client.theme import label, restyle
from shell_client.words import Words

LONGEST = 20
"""What the server takes: eight characters with spaces and dashes."""


class ActivationField(QFrame):
    """Signals: `edited()` by a person; `entered()` and `escaped()` by the keys of these names."""

    edited = pyqtSignal()
    entered = pyqtSignal()
    escaped = pyqtSignal()

    def __init__(self, *, words: Words) -> None:
        super().__init__()
        self.setObjectName("field")
        self.setProperty("active", "false")
        self.setFixedHeight(44)
        across = QHBoxLayout(self)
        across.setContentsMargins(14, 0, 14, 0)
        across.setSpacing(12)
        across.addWidget(label(words("activation_code")))
        self.edit = QLineEdit()
        self.edit.setMaxLength(LONGEST)
        self.edit.setAccessibleName(words("activation_code"))
        self.edit.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.edit.setInputMethodHints(Qt.InputMethodHints(Qt.InputMethodHint.ImhPreferUppercase))
        self.edit.installEventFilter(self)
        self.edit.textEdited.connect(lambda _: self.edited.emit())
        across.addWidget(self.edit, 1)
        self.hide()

    @property
    def code(self) -> str | None:
        """What was typed, or None where the field is closed or empty."""
        return (self.edit.text().strip() or None) if self.isVisibleTo(self.parentWidget()) else None

    def type(self, digit: str) -> None:
        """Type a digit of the keypad at the cursor."""
        self.edit.insert(digit)
        self.edited.emit()

    def erase(self) -> None:
        """Take away what is marked, else the character before the cursor."""
        self.edit.backspace()
        self.edited.emit()

    def forget(self) -> None:
        """Close the field: a code is used once, and by one person."""
        self.edit.clear()
        self.hide()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Give Enter and Esc their meaning."""
        if watched is self.edit and event is not None:
            if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                return self._key(event)
            if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
                restyle(self, "active", "true" if event.type() == QEvent.Type.FocusIn else "false")
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.entered.emit()
            return True
        if event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
            return True
        return False
