"""The one large button of the log-in window, with the key that presses it."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QHBoxLayout

from shell_client.theme import INK2, Button, label


class EnterButton(Button):
    """Its words are labels of its own, so that the keycap can stand beside them."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.setObjectName("primary")
        self.setFixedHeight(56)
        across = QHBoxLayout(self)
        across.setSpacing(10)
        across.addStretch()
        self._words = label(words)
        self._keycap = label("Enter", "keycap")
        for part in (self._words, self._keycap):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            across.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
        across.addStretch()
        self.setAccessibleName(words)

    def say(self, words: str, *, ready: bool) -> None:
        """Show these words; it can be pressed only when it is ready."""
        self._words.setText(words)
        self._words.setStyleSheet("" if ready else f"color: {INK2}")
        self._keycap.setVisible(ready)
        self.setAccessibleName(words)
        self.setEnabled(ready)
