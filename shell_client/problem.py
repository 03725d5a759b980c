"""A page of its own for what comes before the log-in: a crash of the run before, or why the program cannot start."""

from __future__ import annotations

from PyQt5.QtCore import QPoint, Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QTextOption
from PyQt5.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from shell_client.theme import PRIMARY_HEIGHT, Button, EnterButton, label
from shell_client.words import Words

WIDTH, HEIGHT = 760, 520


class ProblemPage(QWidget):
    """Headline, what to do, and the details to read out or copy. Emits `done()` and `support_wanted()`."""

    done = pyqtSignal()
    support_wanted = pyqtSignal()

    def __init__(self, *, words: Words, headline: str, plain: str, details: str, button: str) -> None:
        super().__init__()
        self._words = words
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedSize(WIDTH, HEIGHT)
        self.setWindowTitle(headline)
        down = QVBoxLayout(self)
        down.setContentsMargins(32, 28, 32, 28)
        down.setSpacing(14)
        self._plain = label(plain, "quiet", wrap=True)
        self._details = QPlainTextEdit(details)
        self._details.setObjectName("details")
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        down.addWidget(label(headline, "title", wrap=True))
        down.addWidget(self._plain)
        down.addWidget(self._details, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        primary = EnterButton(button)
        primary.clicked.connect(self._leave)
        self._copy = Button(words("copy"))
        self._copy.clicked.connect(lambda _=False: self._copy_details())
        support = Button(words("menu_support"))
        support.clicked.connect(lambda _=False: self.support_wanted.emit())
        for one in (primary, self._copy, support):
            one.setFixedHeight(PRIMARY_HEIGHT)
            buttons.addWidget(one, 1)
        down.addLayout(buttons)
        primary.setFocus()

    def appear(self) -> None:
        """Show it in the middle of the screen."""
        screen = QGuiApplication.primaryScreen()
        if screen is not None:
            self.move(screen.availableGeometry().center() - QPoint(WIDTH // 2, HEIGHT // 2))
        self.show()
        self.raise_()
        self.activateWindow()

    def say(self, plain: str) -> None:
        """Say something else above the details."""
        self._plain.setText(plain)

    def words_shown(self) -> str:
        """Return all that the page says."""
        return f"{self.windowTitle()} | {self._plain.text()} | {self._details.toPlainText()}"

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter goes on from anywhere in the page."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Go on, however it was closed."""
        super().closeEvent(event)
        self.done.emit()

    def _leave(self, _: bool = False) -> None:
        self.close()

    def _copy_details(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._details.toPlainText())
        self._copy.setText(self._words("copied"))
