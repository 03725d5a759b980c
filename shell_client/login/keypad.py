"""The keypad of the log-in window: 7 8 9 on top, as on the keyboard beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QGridLayout, QSizePolicy, QWidget

from shell_client.theme import Button
from shell_client.words import Words

_DIGITS = ("7", "8", "9", "4", "5", "6", "1", "2", "3")


class Keypad(QWidget):
    """Signals: `typed(digit)`, `erased()`, and `cleared()` for another person."""

    typed = pyqtSignal(str)
    erased = pyqtSignal()
    cleared = pyqtSignal()

    def __init__(self, *, words: Words) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        for place, digit in enumerate(_DIGITS):
            grid.addWidget(_key(digit, partial(self.typed.emit, digit)), place // 3, place % 3)
        clear = _key(words("switch_person"), self.cleared.emit)
        clear.setProperty("words", "true")
        erase = _key("⌫", self.erased.emit)
        erase.setAccessibleName(words("erase"))
        grid.addWidget(clear, 3, 0)
        grid.addWidget(_key("0", partial(self.typed.emit, "0")), 3, 1)
        grid.addWidget(erase, 3, 2)
        for column in range(3):
            grid.setColumnStretch(column, 1)


def _key(text: str, action: Callable[[], None]) -> Button:
    key = Button(text)
    key.setObjectName("key")
    key.setMinimumHeight(32)
    key.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    key.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard's own digits stay in the field
    key.clicked.connect(lambda _=False: action())
    return key
