"""The list of the last people, which opens below the phone field."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QPoint, Qt, pyqtSignal
from PyQt5.QtWidgets import QListWidget, QListWidgetItem, QWidget

from shell_client.login.phone import spaced_phone
from shell_client.login.remembered import Person


class PeopleList(QListWidget):
    """Signal: `chosen(phone)`."""

    chosen = pyqtSignal(str)

    def __init__(self, window: QWidget, *, below: QWidget) -> None:
        super().__init__(window)
        self._below = below
        self.setObjectName("people")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemClicked.connect(lambda _: self.choose())
        self.hide()

    def offer(self, people: Sequence[Person]) -> None:
        """Open the list, the last person first; with nobody to offer it stays shut."""
        if not people:
            return
        self.clear()
        for person in people:
            item = QListWidgetItem(f"{spaced_phone(person.phone)}    {person.name}")
            item.setData(Qt.ItemDataRole.UserRole, person.phone)
            self.addItem(item)
        corner = self._below.mapTo(self.window(), QPoint(0, self._below.height() + 4))
        self.setGeometry(corner.x(), corner.y(), self._below.width(), 12 + 44 * self.count())
        self.setCurrentRow(0)
        self.show()
        self.raise_()

    def step(self, rows: int) -> None:
        """Go down or up; above the first person the list shuts."""
        row = self.currentRow() + rows
        if row < 0:
            self.hide()
        elif row < self.count():
            self.setCurrentRow(row)

    def choose(self) -> None:
        """Take the person that is marked."""
        self.hide()
        item = self.currentItem()
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
