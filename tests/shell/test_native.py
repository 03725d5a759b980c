"""Native pages: the first button is the one that Enter presses, and says so."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QLabel, QPushButton

from shell_client.browser import native
from shell_client.browser.native import NativePage
from tests.shell.hands import press_key


@pytest.fixture
def page(application: QApplication) -> NativePage:
    return NativePage()


def test_the_first_button_alone_carries_the_keycap(page: NativePage) -> None:
    page.say(headline="x", plain="", actions=[("现在重试", lambda: None), ("重新登录", lambda: None)])

    first, second = (button for button in page.findChildren(QPushButton))
    assert [part.text() for part in first.findChildren(QLabel)] == ["现在重试", "Enter"]
    assert (second.text(), second.findChildren(QLabel)) == ("重新登录", [])
    assert first.height() == second.height()


def test_enter_presses_the_first_button_once_the_page_can_have_been_read(
    page: NativePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[str] = []
    page.say(headline="x", plain="", actions=[("1", lambda: pressed.append("1")), ("2", lambda: pressed.append("2"))])

    press_key(page, Qt.Key.Key_Return)
    assert pressed == []

    monkeypatch.setattr(native, "DEAF_SECONDS", 0)
    press_key(page, Qt.Key.Key_Return)
    assert pressed == ["1"]


def test_it_is_set_larger_where_the_screens_are(page: NativePage) -> None:
    page.say(headline="连不上服务器", plain="请检查网线。")
    sizes = {}
    for width in (1280, 1920, 1280):
        page.resize(width, 720)
        page.show()
        sizes[width] = [part.font().pixelSize() for part in (page._headline, page._plain, page._small)]
    page.close()

    assert sizes == {1280: [28, 20, 18], 1920: [36, 26, 22]}
