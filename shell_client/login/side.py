"""The dark side of the log-in window: whose till this is, the server's time, and whether it is there."""

from __future__ import annotations

from datetime import datetime

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from shell_client.theme import Logo, StateDot, label
from shell_client.words import Words

SKEW_WORTH_TELLING_MINUTES = 2


class Side(QWidget):
    """Shows what it is told; it knows neither clock nor server."""

    def __init__(self, *, words: Words, name: str) -> None:
        super().__init__()
        self._words = words
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(270)
        down = QVBoxLayout(self)
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
        self._till = label(wrap=True)
        down.addWidget(self._clock)
        down.addWidget(self._date)
        down.addWidget(self._till)
        server = QHBoxLayout()
        server.setSpacing(6)
        self._dot = StateDot()
        self.server = label(words("server_looking"))
        server.addWidget(self._dot)
        server.addWidget(self.server, 1)
        down.addLayout(server)
        self.skew = label(wrap=True)
        self.skew.hide()
        down.addWidget(self.skew)

    def show_time(self, moment: datetime, *, skew_minutes: int) -> None:
        """Show the server's time, and how far this machine's is off where that is worth telling."""
        self._clock.setText(f"{moment:%H:%M}")
        weekday = self._words("weekdays").split()[moment.weekday()]
        self._date.setText(self._words("date", month=moment.month, day=moment.day, weekday=weekday))
        self.skew.setText(self._words("clock", minutes=skew_minutes))
        self.skew.setVisible(skew_minutes >= SKEW_WORTH_TELLING_MINUTES)

    def show_till(self, till: str | None) -> None:
        """Show the name that the server has for this machine, once it has told it."""
        self._till.setText(till or "")
        self._till.setVisible(till is not None)

    def show_server(self, state: str) -> None:
        """Show that the server is `up` or `gone`."""
        self._dot.show_state(state)
        self.server.setText(self._words("server_ok" if state == "up" else "server_gone"))
