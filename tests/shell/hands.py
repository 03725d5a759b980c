"""A person's hands in the tests: keys and the left mouse button, as Qt events."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QWidget


def press_key(widget: QWidget, key: Qt.Key | str) -> None:
    """Press and release a key, or the one that types a character."""
    QTest.keyClick(widget, key)  # type: ignore[call-overload]  # the stubs take a static method for a bound one


def click(widget: QWidget) -> None:
    """Press and release the left button in the middle of a widget."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)  # type: ignore[call-overload]  # as above
