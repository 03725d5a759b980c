"""Native pages and the strip: what the shell says when the ticket screens cannot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeyEvent, QResizeEvent
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from shell_client.theme import PRIMARY_HEIGHT, Button, EnterButton, label, restyle

Action = tuple[str, Callable[[], None]]

DEAF_SECONDS = 0.6
"""An Enter that was meant for the page before must not press a button of this one, unread."""


LARGE_FROM = 1600
"""Pixels across: from here on the ticket screens are set larger, and so are these pages."""
CARD_WIDTHS = {False: 640, True: 820}


class NativePage(QWidget):
    """A card in the middle: a headline, plain lines and at most two buttons, the first of them on Enter."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("native")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._first: Callable[[], None] | None = None
        self._shown_at = 0.0
        outer = QVBoxLayout(self)
        card = self._card = QFrame()
        card.setObjectName("card")
        card.setFixedWidth(CARD_WIDTHS[False])
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignCenter)
        down = QVBoxLayout(card)
        down.setContentsMargins(40, 36, 40, 36)
        down.setSpacing(12)
        self._headline = label("", "headline", wrap=True)
        self._plain = label("", "plain", wrap=True)
        self._small = label("", "small", wrap=True)
        for part in (self._headline, self._plain, self._small):
            down.addWidget(part)
        down.addSpacing(12)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(12)
        down.addLayout(self._buttons)

    def say(self, *, headline: str, plain: str, small: str = "", actions: Sequence[Action] = ()) -> None:
        """Show these words and buttons instead of the former ones."""
        self._headline.setText(headline)
        self._plain.setText(plain)
        self._plain.setVisible(bool(plain))
        self.say_small(small)
        while self._buttons.count():
            item = self._buttons.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.deleteLater()
        self._first = actions[0][1] if actions else None
        self._shown_at = time.monotonic()
        for place, (text, action) in enumerate(actions):
            button = EnterButton(text) if place == 0 else Button(text)
            button.setFixedHeight(PRIMARY_HEIGHT)
            button.clicked.connect(lambda _=False, action=action: action())
            self._buttons.addWidget(button, 1)

    def say_small(self, small: str) -> None:
        """Change the last line alone."""
        self._small.setText(small)
        self._small.setVisible(bool(small))

    def words_shown(self) -> str:
        """Return all that the page says, for the log."""
        return " | ".join(part.text() for part in (self._headline, self._plain, self._small) if part.text())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Be as large as the screens are on a display of this size."""
        super().resizeEvent(event)
        large = self.width() >= LARGE_FROM
        if large != (self.property("large") == "true"):
            self._card.setFixedWidth(CARD_WIDTHS[large])
            restyle(self, "large", "true" if large else "false")

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Press the first button by Enter; a key held down since before the page came does nothing."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._first is not None:
            if not event.isAutoRepeat() and time.monotonic() - self._shown_at > DEAF_SECONDS:
                self._first()
        else:
            super().keyPressEvent(event)


class Strip(QFrame):
    """One amber line above the screens, for what does not stop the work."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("strip")
        across = QHBoxLayout(self)
        across.setContentsMargins(20, 6, 12, 6)
        self._words = label(wrap=True)
        self._button = Button()
        self._button.setFixedHeight(40)
        self._action: Callable[[], None] | None = None
        self._button.clicked.connect(self._act)
        across.addWidget(self._words, 1)
        across.addWidget(self._button)
        self.hide()

    def say(self, text: str, *, action: Action | None = None) -> None:
        """Show `text`, with a button where there is something to press."""
        self._words.setText(text)
        self._action = action[1] if action else None
        self._button.setText(action[0] if action else "")
        self._button.setVisible(action is not None)
        self.show()

    def _act(self) -> None:
        if self._action is not None:
            self._action()
