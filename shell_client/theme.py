"""The house's colours, type and controls for Qt: the same hexes as the ticket screens, light theme."""

from __future__ import annotations

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontDatabase,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

BG, SURFACE, SURFACE2, SUNK = "#F1EEE7", "#FFFFFF", "#F8F6F1", "#E8E4DA"
LINE, EDGE = "#D8D2C5", "#857E71"
INK, INK2, INK3 = "#1B1A17", "#514C44", "#676156"
ACCENT, ACCENT_HOVER, ON_ACCENT, ACCENT_SOFT = "#1F3FC4", "#17309B", "#FFFFFF", "#E4E9FD"
GO, WARN, WARN_FILL, WARN_SOFT = "#0A6B3D", "#8A4B00", "#FFB52E", "#FFF0D1"
STOP, STOP_SOFT = "#B01E17", "#FCE5E2"
FOCUS, FOCUS_INK = "#FFC400", "#1B1A17"
BAR, ON_BAR, ON_BAR2 = "#1A1B20", "#F6F3EC", "#B9B6AE"
GO_ON_BAR, STOP_ON_BAR = "#57D38A", "#FF8B80"
"""The dark theme's go and stop: the bar is ink in both themes."""

PRIMARY_HEIGHT = 56

_FAMILIES = (
    "Noto Sans SC",
    "Source Han Sans SC",
    "Noto Sans CJK SC",
    "Microsoft YaHei",
    "PingFang SC",
    "WenQuanYi Micro Hei",
)

STYLE = f"""
QWidget {{ color: {INK}; font-size: 18px; }}
QWidget#page {{ background: {SURFACE}; }}
QWidget#side {{ background: {BAR}; }}
QWidget#side QLabel {{ color: {ON_BAR2}; font-size: 18px; }}
QWidget#side QLabel#brand {{ color: {ON_BAR}; font-size: 24px; font-weight: 700; }}
QWidget#side QLabel#clock {{ color: {ON_BAR}; font-size: 40px; font-weight: 700; }}
QLabel#title {{ font-size: 24px; font-weight: 700; }}
QLabel#quiet {{ color: {INK2}; font-size: 18px; }}
QLabel#code {{ color: {INK}; font-size: 18px; }}
QFrame#field {{ background: {SURFACE}; border: 3px solid {ACCENT}; border-radius: 10px; }}
QFrame#field[active="false"] {{ border: 2px solid {EDGE}; }}
QFrame#field QLabel {{ color: {INK2}; background: transparent; }}
QFrame#field QLabel#person {{ color: {INK}; font-weight: 700; }}
QFrame#field QLineEdit {{ border: none; background: transparent; font-size: 26px; font-weight: 500;
    selection-background-color: {ACCENT_SOFT}; selection-color: {INK}; padding: 0; }}
QFrame#notice[tone="stop"] {{ background: {STOP_SOFT}; border-radius: 10px; }}
QFrame#notice[tone="wait"] {{ background: {WARN_SOFT}; border-radius: 10px; }}
QFrame#notice QLabel {{ background: transparent; }}
QFrame#notice QLabel#headline {{ font-weight: 700; }}
QFrame#notice[tone="stop"] QLabel#headline {{ color: {STOP}; }}
QFrame#notice[tone="wait"] QLabel#headline {{ color: {WARN}; }}
QListWidget#people {{ background: {SURFACE}; border: 2px solid {EDGE}; border-radius: 10px; padding: 4px;
    outline: none; }}
QListWidget#people::item {{ min-height: 44px; padding: 0 12px; border-radius: 6px; color: {INK}; }}
QListWidget#people::item:selected {{ background: {ACCENT_SOFT}; color: {INK}; }}
QPushButton {{ background: {SURFACE}; border: 2px solid {EDGE}; border-radius: 10px; padding: 0 12px;
    font-size: 18px; }}
QPushButton:hover {{ background: {SURFACE2}; }}
QPushButton:pressed {{ background: {SUNK}; }}
QPushButton#link {{ background: transparent; border: none; padding: 0 4px; color: {ACCENT};
    text-decoration: underline; }}
QPushButton#link:hover {{ color: {ACCENT_HOVER}; }}
QPushButton#key {{ background: {SURFACE2}; font-size: 26px; padding: 0; }}
QPushButton#key[words="true"] {{ font-size: 18px; }}
QPushButton#key:hover {{ background: {SURFACE}; }}
QPushButton#key:pressed {{ background: {SUNK}; }}
QPushButton#primary {{ background: {ACCENT}; color: {ON_ACCENT}; border: none;
    font-size: 20px; font-weight: 700; }}
QPushButton#primary:hover {{ background: {ACCENT_HOVER}; }}
QPushButton#primary:pressed {{ background: {ACCENT_HOVER}; }}
QPushButton#primary:disabled {{ background: {SUNK}; color: {INK2}; border: 2px solid {EDGE}; }}
QPushButton#primary QLabel {{ background: transparent; color: {ON_ACCENT};
    font-size: 20px; font-weight: 700; }}
QPushButton#primary QLabel#keycap {{ font-size: 15px; font-weight: 400; border: 1px solid {ON_ACCENT};
    border-bottom-width: 2px; border-radius: 4px; padding: 0 5px 1px 5px; }}
QPlainTextEdit#details {{ background: {SURFACE2}; border: 1px solid {LINE}; border-radius: 10px; padding: 8px;
    font-size: 15px; selection-background-color: {ACCENT_SOFT}; selection-color: {INK}; }}
QWidget#native {{ background: {BG}; }}
QFrame#card {{ background: {SURFACE}; border-radius: 14px; border: 1px solid {LINE}; }}
QFrame#card QLabel {{ background: transparent; }}
QFrame#card QLabel#headline {{ font-size: 28px; font-weight: 700; }}
QFrame#card QLabel#plain {{ font-size: 20px; color: {INK2}; }}
QFrame#card QLabel#small {{ font-size: 18px; color: {INK2}; }}
QWidget#native[large="true"] QFrame#card QLabel#headline {{ font-size: 36px; }}
QWidget#native[large="true"] QFrame#card QLabel#plain {{ font-size: 26px; }}
QWidget#native[large="true"] QFrame#card QLabel#small {{ font-size: 22px; }}
QFrame#strip {{ background: {WARN_FILL}; border: none; border-bottom: 1px solid {WARN}; }}
QFrame#strip QLabel {{ color: {INK}; font-weight: 700; background: transparent; }}
QMenu {{ background: {SURFACE}; border: 2px solid {EDGE}; padding: 4px; }}
QMenu::item {{ min-height: 44px; padding: 0 32px 0 16px; color: {INK}; }}
QMenu::item:selected {{ background: {ACCENT_SOFT}; }}
"""


def base_font() -> QFont:
    """Return the house font: the first of its families that this machine has, with even figures."""
    have = set(QFontDatabase().families())
    font = QFont(next((family for family in _FAMILIES if family in have), "sans-serif"))
    font.setPixelSize(18)
    font.setStyleStrategy(QFont.StyleStrategy.PreferAntialias)
    return font


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet looks at, and look again."""
    widget.setProperty(name, value)
    for part in (widget, *widget.findChildren(QWidget)):
        style = part.style()
        if style is not None:
            style.unpolish(part)
            style.polish(part)


class Button(QPushButton):
    """A button with the two-tone ring while the keyboard is on it, and only then."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._ringed = False
        self.setAutoDefault(False)

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Note whether it was the keyboard that came here."""
        self._ringed = event is not None and event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Take the ring away."""
        self._ringed = False
        super().focusOutEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the button, then its ring inside the edge: 3 px of ink around 3 px of yellow."""
        super().paintEvent(event)
        if not self._ringed:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for inset, colour in ((1.5, FOCUS_INK), (4.5, FOCUS)):
            painter.setPen(QPen(QColor(colour), 3))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 9, 9)


class EnterButton(Button):
    """The primary action, which Enter presses: its words are a label, so that the keycap can stand beside them."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.setObjectName("primary")
        self.setFixedHeight(PRIMARY_HEIGHT)
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


class Logo(QWidget):
    """The ticket with the play mark."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(56, 56)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw it: an amber ticket, notched left and right."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ticket, notches = QPainterPath(), QPainterPath()
        ticket.addRoundedRect(QRectF(2, 10, 52, 37), 5, 5)
        for x in (2.0, 54.0):
            notches.addEllipse(QPointF(x, 28.5), 6, 6)
        painter.fillPath(ticket.subtracted(notches), QColor(WARN_FILL))
        painter.setBrush(QColor(BAR))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(QPolygonF([QPointF(22, 20), QPointF(22, 37), QPointF(37, 28.5)]))


class StateDot(QWidget):
    """Server state as a shape too: a disc is up, a ring is looking, a diamond is gone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(16, 24)
        self._state = "looking"

    def show_state(self, state: str) -> None:
        """Show `up`, `looking` or `gone`."""
        self._state = state
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the state's shape."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(7, 13)
        if self._state == "looking":
            painter.setPen(QPen(QColor(ON_BAR2), 2))
            painter.drawEllipse(middle, 5, 5)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(GO_ON_BAR if self._state == "up" else STOP_ON_BAR))
        if self._state == "up":
            painter.drawEllipse(middle, 6, 6)
        else:
            offsets = ((0, -7), (7, 0), (0, 7), (-7, 0))
            painter.drawPolygon(QPolygonF([middle + QPointF(x, y) for x, y in offsets]))


def label(text: str = "", name: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label that shows `text` as it is, never as markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setObjectName(name)
    made.setWordWrap(wrap)
    return made
