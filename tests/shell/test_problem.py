"""The page before the log-in: its words, its Enter, and that its details can be copied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QPlainTextEdit, QPushButton

from shell_client.problem import ProblemPage
from shell_client.words import CHINESE, Words
from tests.shell.hands import click, press_key

LINE = '/opt/till/config.json: unknown key "api_base" (did you mean "api_base_url"?)'


@pytest.fixture
def page(application: QApplication) -> Iterator[ProblemPage]:
    words = Words(CHINESE)
    made = ProblemPage(words=words, headline=words("cannot_start"), plain="做什么", details=LINE, button=words("quit"))
    made.appear()
    yield made
    made.close()


def test_the_line_is_shown_whole_and_copied(page: ProblemPage) -> None:
    copy = next(one for one in page.findChildren(QPushButton) if one.text() == "复制")
    click(copy)

    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == LINE
    assert copy.text() == "已复制"
    assert page.words_shown() == f"程序不能启动 | 做什么 | {LINE}"


@pytest.mark.parametrize("place", ["page", "details", "primary"])
def test_enter_goes_on_from_anywhere(page: ProblemPage, place: str) -> None:
    ends: list[bool] = []
    page.done.connect(lambda: ends.append(True))
    primary = next(one for one in page.findChildren(QPushButton) if one.accessibleName() == "退出")
    details = page.findChild(QPlainTextEdit)
    assert details is not None

    press_key({"page": page, "details": details, "primary": primary}[place], Qt.Key.Key_Return)

    assert ends == [True]
    assert not page.isVisible()


def test_the_support_file_can_be_asked_for(page: ProblemPage) -> None:
    asked: list[bool] = []
    page.support_wanted.connect(lambda: asked.append(True))

    click(next(one for one in page.findChildren(QPushButton) if one.text() == "存支持文件"))
    page.say("存好了")

    assert asked == [True]
    assert "存好了" in page.words_shown()
