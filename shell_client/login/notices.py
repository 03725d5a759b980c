"""The notice of the log-in window: a bold line, and what to do."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QFrame, QVBoxLayout

from shell_client.login.attempt import Notice
from shell_client.theme import label, restyle
from shell_client.words import Words


class NoticeBox(QFrame):
    """Hidden until there is something to say; its accessible name is all that it says."""

    def __init__(self, *, words: Words) -> None:
        super().__init__()
        self._words = words
        self.setObjectName("notice")
        down = QVBoxLayout(self)
        down.setContentsMargins(14, 7, 14, 7)
        down.setSpacing(1)
        self._headline = label("", "headline", wrap=True)
        self._plain = label("", "plain", wrap=True)
        self._plain.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        down.addWidget(self._headline)
        down.addWidget(self._plain)
        self.hide()

    def say(self, notice: Notice) -> None:
        """Show a notice instead of the former one."""
        self._headline.setText(self._words(notice.headline, **notice.values))
        self._plain.setVisible(notice.plain is not None)
        restyle(self, "tone", notice.tone)
        self.setVisible(True)
        self.say_plain(self._words(notice.plain, **notice.values) if notice.plain else "")

    def say_plain(self, text: str) -> None:
        """Change the second line alone."""
        self._plain.setText(text)
        self.setAccessibleName(f"{self._headline.text()} {text}")

    @property
    def waits(self) -> bool:
        """Whether it says that something is being waited for."""
        return self.isVisible() and self.property("tone") == "wait"
