"""The log-in window: what it says for every answer, and what its keys do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QMenu, QPushButton

from shell_client.api.background import Background
from shell_client.api.client import StaffClient, StaffSession
from shell_client.device.machine import shown
from shell_client.login import attempt
from shell_client.login.remembered import Person, Remembered
from shell_client.login.window import LoginWindow
from shell_client.words import _WORDS, CHINESE, ENGLISH, Words, choose_language
from tests.shell.conftest import Until
from tests.shell.hands import click, press_key
from tests.shell.till_server import TillServer

CODE = "3F9A71C4AB12CD34EF5608D208D25BE1"
PEOPLE = Remembered((Person("13800000002", "王小琳"), Person("13800000003", "赵敏")), till="2号台")


class Till:
    """The window and the hands of the person before it."""

    def __init__(self, window: LoginWindow) -> None:
        self.window = window
        self.sessions: list[StaffSession] = []
        window.logged_in.connect(self.sessions.append)

    def type(self, text: str, *, gap: float = 0.05) -> None:
        for character in text:
            press_key(self.window.phone, character)
            time.sleep(gap)

    def press(self, key: Qt.Key) -> None:
        time.sleep(0.2)
        press_key(self.window.phone, key)

    def tap(self, text: str) -> None:
        button = next(one for one in self.window.findChildren(QPushButton) if one.text() == text)
        click(button)

    def log_in(self) -> None:
        click(self.window.primary)

    @property
    def says(self) -> str:
        return self.window.notice.accessibleName() if self.window.notice.isVisible() else ""

    @property
    def button(self) -> str:
        return self.window.primary.accessibleName()


def make_till(client: StaffClient, background: Background, language: str, remembered: Remembered) -> Till:
    window = LoginWindow(words=Words(language), code=CODE, remembered=remembered, app_name=None)
    window.connect_to(client, background)
    window.appear(remembered)
    return Till(window)


@pytest.fixture
def background(application: QApplication) -> Iterator[Background]:
    made = Background()
    yield made
    made.stop()


@pytest.fixture
def till(client: StaffClient, background: Background, until: Until) -> Iterator[Till]:
    made = make_till(client, background, CHINESE, PEOPLE)
    until(lambda: made.window.side.server.text() == "服务器正常")
    yield made
    made.window.close()


@pytest.fixture
def english(client: StaffClient, background: Background, until: Until) -> Iterator[Till]:
    made = make_till(client, background, ENGLISH, Remembered())
    until(lambda: made.window.side.server.text() == "Server is up")
    yield made
    made.window.close()


def test_the_last_person_is_filled_in_with_the_name(till: Till) -> None:
    assert till.window.phone.text() == "138 0000 0002"
    assert till.window.field.person.text() == "王小琳"


def test_enter_logs_in(till: Till, server: TillServer, until: Until) -> None:
    till.press(Qt.Key.Key_Return)
    until(lambda: till.sessions)

    assert server.called("/api/v2/login")[0]["body"]["phone"] == "13800000002"


def test_the_first_digit_of_another_person_replaces_the_number(till: Till) -> None:
    till.type("13900000009")

    assert till.window.phone.text() == "139 0000 0009"
    assert till.window.field.person.text() == ""


def test_the_keypad_types_and_erases(till: Till) -> None:
    for digit in "1380":
        till.tap(digit)
    till.tap("⌫")

    assert till.window.phone.text() == "138"


def test_the_keypad_has_seven_eight_nine_on_top(till: Till) -> None:
    places = {one.text(): one.mapTo(till.window, one.rect().center()) for one in till.window.findChildren(QPushButton)}

    assert places["7"].y() == places["8"].y() == places["9"].y() < places["4"].y() < places["1"].y() < places["0"].y()
    assert places["换人"].x() < places["0"].x() < places["⌫"].x()


def test_down_lists_the_last_people_and_enter_takes_one(till: Till) -> None:
    till.press(Qt.Key.Key_Down)
    till.press(Qt.Key.Key_Down)
    till.press(Qt.Key.Key_Return)

    assert till.window.phone.text() == "138 0000 0003"
    assert till.window.field.person.text() == "赵敏"
    assert not till.sessions


def test_a_scanners_enter_never_presses_log_in(till: Till, server: TillServer, until: Until) -> None:
    for character in "690123456789":
        press_key(till.window.phone, character)
    press_key(till.window.phone, Qt.Key.Key_Return)
    until(lambda: True)

    assert till.window.phone.text() == "138 0000 0002"
    assert server.called("/api/v2/login") == []


def test_the_machine_code_is_shown_and_copied_whole(till: Till) -> None:
    till.tap("复制")

    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == CODE
    assert shown(CODE) == "3F9A 71C4 … 08D2 5BE1"


@pytest.mark.parametrize(
    ("status", "body", "chinese", "plain"),
    [
        (
            401,
            {"code": "login_refused", "reference": "K7Q-42M"},
            "登录未通过 请联系店长，报参考号 K7Q-42M",
            "Log-in refused Call a manager with reference K7Q-42M",
        ),
        (
            409,
            {"code": "device_bound", "reference": "K7Q-42M"},
            "此账号已绑定另一台机器 请店长先解绑，参考号 K7Q-42M",
            "This account is bound to another machine Ask a manager to unbind it, reference K7Q-42M",
        ),
        (
            426,
            {"code": "client_too_old", "minimum": "2.0.0"},
            "客户端版本太旧，请更新 最低版本 2.0.0，本机 1.0.0",
            "This version is too old; please update Needs 2.0.0, this is 1.0.0",
        ),
        (
            400,
            {"code": "invalid"},
            "手机号不对 请输入 11 位手机号",
            "This is not a phone number Enter 11 digits, or + and the country code",
        ),
        (
            403,
            {"code": "odd", "requestId": "r-1"},
            "登录没有完成（odd） 请再试，或报参考号 r-1",
            "Log-in did not finish (odd) Try again, or report reference r-1",
        ),
    ],
)
def test_every_refusal_has_its_own_words(
    till: Till,
    english: Till,
    server: TillServer,
    until: Until,
    status: int,
    body: dict[str, Any],
    chinese: str,
    plain: str,
) -> None:
    for _ in range(2):
        server.will_answer("/api/v2/login", status, body)

    till.log_in()
    until(lambda: till.says)
    english.type("13800000002")
    english.log_in()
    until(lambda: english.says)

    assert (till.says, english.says) == (chinese, plain)
    assert till.button == "登录"


def test_after_a_click_that_was_refused_the_next_enter_logs_in_again(
    till: Till, server: TillServer, until: Until
) -> None:
    server.will_answer("/api/v2/login", 401, {"code": "login_refused", "reference": "K7Q-42M"})
    till.type("13800000002")
    till.window.primary.setFocus()

    till.press(Qt.Key.Key_Return)
    until(lambda: till.says)

    assert till.window.phone.hasFocus()


def test_no_number_is_said_without_asking_the_server(till: Till, server: TillServer) -> None:
    till.type("12345")
    till.press(Qt.Key.Key_Return)

    assert till.says == "手机号不对 请输入 11 位手机号"
    assert server.called("/api/v2/login") == []


def test_a_pending_log_in_goes_on_by_itself(till: Till, server: TillServer, until: Until) -> None:
    for _ in range(2):
        server.will_answer("/api/v2/login", 202, {"status": "pending", "reference": "K7Q-42M", "retryAfter": 1})

    till.log_in()
    until(lambda: till.says)
    assert till.says == "等待店长批准，批准后自动登录 请把参考号 K7Q-42M 告诉店长"
    assert not till.window.primary.isEnabled()
    until(lambda: till.sessions)

    assert len(server.called("/api/v2/login")) == 3


def test_waiting_asks_again_with_the_same_key(till: Till, server: TillServer, until: Until) -> None:
    server.will_answer("/api/v2/login", 202, {"status": "pending", "reference": "K7Q-42M", "retryAfter": 1})

    till.log_in()
    until(lambda: till.sessions)

    first, second = server.called("/api/v2/login")
    assert first["headers"]["X-Device-Id"] == second["headers"]["X-Device-Id"]
    assert first["body"] == second["body"]


def test_an_activation_code_is_asked_for_behind_a_link(till: Till, server: TillServer, until: Until) -> None:
    assert not till.window.activation.isVisible()
    till.tap("我有激活码")
    assert till.window.activation.edit.hasFocus()
    for character in "k7q4-3mxt":
        press_key(till.window.activation.edit, character)
    press_key(till.window.activation.edit, Qt.Key.Key_Return)
    until(lambda: till.sessions)

    assert server.called("/api/v2/login")[0]["body"]["activationCode"] == "k7q4-3mxt"
    assert not till.window.activation.isVisible(), "a code is used once"
    assert till.window.activation.edit.text() == ""


def test_a_wrong_activation_code_stays_to_be_mended(till: Till, server: TillServer, until: Until) -> None:
    server.will_answer("/api/v2/login", 401, {"code": "login_refused", "reference": "K7Q-42M"})
    till.tap("我有激活码")
    press_key(till.window.activation.edit, "k")
    till.log_in()
    until(lambda: till.says)

    assert till.says == "登录未通过 请联系店长，报参考号 K7Q-42M"
    assert till.window.activation.edit.text() == "k"


@pytest.mark.parametrize("closed_by", ["link", "escape", "another person"])
def test_without_the_field_no_code_is_sent(till: Till, server: TillServer, until: Until, closed_by: str) -> None:
    till.tap("我有激活码")
    press_key(till.window.activation.edit, "k")
    if closed_by == "link":
        till.tap("不用激活码")
    elif closed_by == "escape":
        press_key(till.window.activation.edit, Qt.Key.Key_Escape)
    else:
        till.tap("换人")
        till.type("13800000002")
    till.log_in()
    until(lambda: till.sessions)

    assert "activationCode" not in server.called("/api/v2/login")[0]["body"]


def test_the_keypad_types_into_the_field_that_is_chosen(till: Till) -> None:
    before = till.window.phone.text()
    till.tap("我有激活码")
    till.tap("7")
    till.tap("4")
    till.tap("⌫")

    assert (till.window.activation.edit.text(), till.window.phone.text()) == ("7", before)


@pytest.mark.parametrize("name", ["till", "english"])
def test_the_activation_field_fits_beside_the_longest_notice(name: str, request: pytest.FixtureRequest) -> None:
    shown_till: Till = request.getfixturevalue(name)
    window = shown_till.window
    click(window.have_code)
    window._show_notice(attempt.Notice("wait", "pending", "pending_do", {"reference": "K7Q-42M"}))
    QApplication.processEvents()

    for part in (window.have_code, window.activation, window.notice, window.primary):
        assert part.isVisible()
        place = part.mapTo(window, part.rect().bottomRight())
        assert (place.x() < window.width(), place.y() < window.height()) == (True, True), part.objectName()
    assert window.activation.geometry().bottom() < window._keypad.geometry().top()
    assert window._keypad.height() >= 4 * 32


def test_another_person_stops_a_pending_log_in(till: Till, server: TillServer, until: Until) -> None:
    server.will_answer("/api/v2/login", 202, {"status": "pending", "reference": "K7Q-42M", "retryAfter": 1})
    till.log_in()
    until(lambda: till.says)

    till.tap("换人")
    over = time.monotonic() + 1.3
    until(lambda: time.monotonic() > over)

    assert till.says == ""
    assert len(server.called("/api/v2/login")) == 1


def test_a_session_that_comes_after_the_person_left_is_ended(till: Till, server: TillServer, until: Until) -> None:
    def slowly() -> tuple[int, dict[str, Any], dict[str, str]]:
        time.sleep(0.4)
        return 200, {**server.new_tokens(), "user": {}, "device": {}}, {}

    server.answers["/api/v2/login"] = [slowly]
    till.log_in()
    till.tap("换人")
    until(lambda: server.called("/api/v2/logout"))

    assert till.sessions == []


@pytest.mark.parametrize("name", ["till", "english"])
def test_whoever_must_wait_has_a_reference_for_the_manager(
    name: str, server: TillServer, until: Until, request: pytest.FixtureRequest
) -> None:
    person: Till = request.getfixturevalue(name)
    body = {"code": "too_many_attempts", "requestId": "r-1", "reference": "K7Q-42M"}
    server.will_answer("/api/v2/login", 429, body, Retry_After="900")
    person.window.phone.setText("138 0000 0002")
    person.log_in()
    until(lambda: person.says)

    assert "K7Q-42M" in person.says
    assert "900" in person.says or "899" in person.says
    line = person.window.notice._plain
    assert line.fontMetrics().horizontalAdvance(line.text()) <= line.width(), "it is one line"


def test_too_many_tries_count_down_in_the_button(till: Till, server: TillServer, until: Until) -> None:
    server.will_answer("/api/v2/login", 429, {"code": "too_many_attempts"}, Retry_After="3")

    till.log_in()
    until(lambda: till.says)
    assert till.button == "3 秒后再试"
    till.press(Qt.Key.Key_Return)
    until(lambda: "1 秒" in till.button)
    until(lambda: till.button == "登录")

    assert till.says == ""
    assert len(server.called("/api/v2/login")) == 1


def test_without_a_server_it_tries_again_and_says_how_often(
    till: Till, server: TillServer, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shell_client.api.client.FIRST_PAUSE_SECONDS", 0.01)
    for _ in range(6):
        server.will_answer("/api/v2/login", 503)

    till.log_in()
    until(lambda: "第 2 次" in till.says)
    until(lambda: till.sessions)

    assert till.says == ""


def test_after_its_tries_it_waits_for_a_person(
    till: Till, server: TillServer, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SERVER_TRIES", 1)
    monkeypatch.setattr("shell_client.api.client.FIRST_PAUSE_SECONDS", 0.01)
    for _ in range(3):
        server.will_answer("/api/v2/login", 503)

    till.log_in()
    until(lambda: till.says)

    assert till.says == "连不上服务器 检查网线后，再按“登录”"
    assert till.window.primary.isEnabled()


def test_a_clock_that_is_off_is_said_and_works(till: Till, server: TillServer, until: Until) -> None:
    server.seconds_ahead = 610

    till.log_in()
    until(lambda: till.sessions)
    till.window._each_second()

    assert till.window.side.skew.text() == "本机时间差 10 分钟，已按服务器时间工作"
    assert till.window.side.skew.isVisible()


def test_a_key_store_that_failed_is_said_and_the_button_tries_again(application: QApplication) -> None:
    window = LoginWindow(words=Words(CHINESE), code=CODE, remembered=PEOPLE, app_name=None)
    window.appear(PEOPLE)
    window.cannot_start("no_key", "no_key_do", "the system's key store did not answer: locked")

    assert "读不到本机密钥，不能登录" in window.notice.accessibleName()
    assert "did not answer" in window.notice.accessibleName()
    tries: list[bool] = []
    window.try_again.connect(lambda: tries.append(True))
    press_key(window.phone, Qt.Key.Key_Escape)
    assert window.notice.isVisible(), "a stray key took the words away"
    click(window.primary)

    assert tries == [True]
    assert not window.notice.isVisible()
    assert not window.primary.isEnabled(), "nobody can log in before the key is there"
    window.close()


def test_f12_offers_the_support_file(till: Till) -> None:
    asked: list[bool] = []
    till.window.support_wanted.connect(lambda: asked.append(True))
    press_key(till.window.phone, Qt.Key.Key_F12)

    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    (action,) = menu.actions()
    assert action.text() == "存支持文件"
    action.trigger()
    menu.close()
    assert asked == [True]


def test_the_window_has_its_size(till: Till) -> None:
    assert (till.window.width(), till.window.height()) == (760, 520)


def test_the_keys_are_large_enough_for_a_finger_with_a_notice_too(till: Till, server: TillServer, until: Until) -> None:
    key = next(one for one in till.window.findChildren(QPushButton) if one.text() == "7")
    assert key.height() >= 48

    server.will_answer("/api/v2/login", 401, {"code": "login_refused", "reference": "K7Q-42M"})
    till.log_in()
    until(lambda: till.says)

    until(lambda: 38 <= key.height() < 48)


def test_chinese_is_the_default_and_english_only_where_the_system_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_language("en") == ENGLISH
    for system, language in (("C", CHINESE), ("zh_CN", CHINESE), ("en_US", ENGLISH)):
        monkeypatch.setattr("shell_client.words.QLocale.system", lambda system=system: _System(system))
        assert choose_language(None) == language


class _System:
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name


def test_both_languages_fill_in_the_same_values() -> None:
    def holes(text: str) -> set[str]:
        return {part.split("}")[0] for part in text.split("{")[1:]}

    assert {key for key, (chinese, english) in _WORDS.items() if holes(chinese) != holes(english)} == set()
