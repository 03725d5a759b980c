"""The whole program as a process of its own, driven by real mouse and key events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shell.driver import ShellDriver
from tests.shell.paper import page_sizes
from tests.shell.till_server import ENDED, TillServer, page

Start = Callable[..., ShellDriver]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(server: TillServer, data_dir: Path) -> Iterator[Start]:
    running: list[ShellDriver] = []

    def begin(**config: object) -> ShellDriver:
        values = {"language": "zh-hans", "heartbeat_seconds": 1, **config}
        (data_dir / "config.json").write_text(json.dumps(values), "utf-8")
        running.append(ShellDriver(data_dir=data_dir, api_base_url=server.origin))
        return running[-1]

    yield begin
    for shell in running:
        shell.__exit__()


def on_screens(state: dict[str, Any]) -> bool:
    return state.get("showing") == "screens"


def on_native(state: dict[str, Any]) -> bool:
    return state.get("showing") == "native" and "正在打开" not in state["native"]


def logged_in(start: Start, **config: object) -> ShellDriver:
    shell = start(**config)
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("log_in", phone="138 0000 0002")
    shell.wait_for(on_screens)
    return shell


def test_a_log_in_opens_the_screens_by_the_one_time_address(start: Start, server: TillServer) -> None:
    shell = logged_in(start)

    entered = server.called("/till/enter/code-1/")[0]["headers"]
    home = server.called("/till/")[0]["headers"]
    assert shell.state()["url"] == f"{server.origin}/till/"
    assert "Authorization" not in entered
    assert entered.get("Sec-Fetch-Site", "none") == "none"
    assert home["Cookie"] == "till=code-1"
    assert home["Accept-Language"].startswith("zh-hans")


def test_clicks_reach_the_page(start: Start, server: TillServer) -> None:
    button = """<button id="seat" onclick="document.title = '已选'">7-10</button>"""
    server.pages["/till/"] = (200, page("售票", body=button))
    shell = logged_in(start)

    shell.click("#seat")

    shell.wait_for(lambda state: state["title"] == "已选")


def test_a_revoked_session_is_out_within_a_heartbeat_and_told_why(start: Start, server: TillServer) -> None:
    shell = logged_in(start)
    server.dead_sessions = True

    state = shell.wait_for(on_native, seconds=3)
    assert "您已被退出登录" in state["native"]
    assert "店长解除了此账号与本机的绑定" in state["native"]

    shell.press("回到登录")
    state = shell.wait_for(lambda state: state["window"] == "login")
    assert state["phone"] == "138 0000 0002"


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        ("unbound", "在本机接着登录的人，或值班经理，可以继续收款"),
        ("idle", "重新登录后可以继续收款"),
    ],
)
def test_the_page_says_who_can_go_on_with_an_unpaid_order(
    start: Start, server: TillServer, reason: str, who: str
) -> None:
    shell = logged_in(start)
    server.why_dead, server.dead_sessions = reason, True

    assert who in shell.wait_for(on_native, seconds=3)["native"]


def test_a_page_that_says_ended_is_looked_into_at_once(start: Start, server: TillServer) -> None:
    link = '<a id="go" href="/till/board/">场次</a>'
    server.pages["/till/"] = (200, page("售票", body=link))
    server.pages["/till/board/"] = (401, ENDED)
    shell = logged_in(start, heartbeat_seconds=100)
    server.dead_sessions = True

    shell.click("#go")

    state = shell.wait_for(on_native, seconds=2)
    assert "您已被退出登录" in state["native"]


def test_a_mark_that_a_script_puts_into_the_page_counts_too(start: Start, server: TillServer) -> None:
    script = """<button id="go" onclick="var m = document.createElement('meta'); m.name = 'till-ended';
        m.content = 'session_revoked'; document.head.appendChild(m);">x</button>"""
    server.pages["/till/"] = (200, page("售票", body=script))
    shell = logged_in(start, heartbeat_seconds=100)
    server.dead_sessions = True

    shell.click("#go")

    shell.wait_for(on_native, seconds=2)


def test_a_refused_htmx_call_is_looked_into_at_once(start: Start, server: TillServer) -> None:
    script = """<button id="go" onclick="this.dispatchEvent(new Event('htmx:responseError', {bubbles: true}))">"""
    server.pages["/till/"] = (200, page("售票", body=script))
    shell = logged_in(start, heartbeat_seconds=100)
    server.dead_sessions = True

    shell.click("#go")

    shell.wait_for(on_native, seconds=2)


def test_screens_that_lost_their_session_alone_get_a_new_one_and_the_same_page(
    start: Start, server: TillServer
) -> None:
    server.pages["/till/"] = (200, page("售票", body='<a id="go" href="/till/orders/">订单</a>'))
    server.pages["/till/orders/"] = (200, page("订单"))
    shell = logged_in(start, heartbeat_seconds=100)
    shell.click("#go")
    shell.wait_for(lambda state: state["title"] == "订单")
    server.pages["/till/orders/"] = lambda: (
        (200, page("订单")) if server.called("/till/enter/code-2/") else (401, ENDED)
    )
    shell.do("js", script="location.reload()")
    shell.wait_for(lambda _: server.called("/till/enter/code-2/"))

    shell.wait_for(lambda state: state["title"] == "订单" and on_screens(state))

    assert len(server.called("/till/enter/code-2/")) == 1


def test_screens_that_never_get_a_session_end_on_a_native_page(start: Start, server: TillServer) -> None:
    server.pages["/till/"] = (401, ENDED)
    shell = start(heartbeat_seconds=100)
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("log_in", phone="13800000002")

    state = shell.wait_for(on_native)

    assert "till_ended" in state["native"]
    assert len([call for call in server.calls if call["path"].startswith("/till/enter/")]) == 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_never_throws_out(start: Start, server: TillServer, status: int) -> None:
    shell = logged_in(start)
    for _ in range(2):
        server.will_answer("/api/v2/session", status)

    shell.wait_for(lambda state: "正在重试" in state["strip"])
    assert on_screens(shell.state())
    shell.wait_for(lambda state: state["strip"] == "")


def test_expired_tokens_are_said_and_cover_nothing(start: Start, server: TillServer) -> None:
    shell = logged_in(start)
    server.will_answer("/api/v2/session", 401, {"code": "invalid_token"})
    server.will_answer("/api/v2/token/refresh", 401, {"code": "invalid_token"})

    shell.wait_for(lambda state: "登录已过期" in state["strip"])

    assert on_screens(shell.state())


def test_without_a_server_the_offline_page_comes_and_leads_back(start: Start, server: TillServer) -> None:
    server.pages["/till/"] = (200, page("售票", body='<a id="go" href="/till/orders/">订单</a>'))
    server.pages["/till/orders/"] = (200, page("订单"))
    shell = logged_in(start)
    shell.click("#go")
    shell.wait_for(lambda state: state["title"] == "订单")
    server.pages["/till/orders/"] = (502, "<html><title>502 Bad Gateway</title>nginx</html>")
    shell.do("js", script="location.reload()")

    state = shell.wait_for(on_native)
    assert "连不上服务器" in state["native"]

    server.pages["/till/orders/"] = (200, page("订单"))
    shell.wait_for(lambda state: on_screens(state) and state["url"].endswith("/till/orders/"))


def test_a_crashed_page_is_opened_again_three_times_at_most(start: Start, server: TillServer) -> None:
    shell = logged_in(start, heartbeat_seconds=100)
    for time in range(4):
        before = len(server.called("/till/"))
        os.kill(shell.state()["renderer"], signal.SIGSEGV)
        if time < 3:
            shell.wait_for(lambda state, before=before: on_screens(state) and len(server.called("/till/")) > before)
    state = shell.wait_for(on_native)
    assert "页面多次出错" in state["native"]

    shell.press("重新打开")

    shell.wait_for(on_screens)


@pytest.mark.parametrize(
    "target",
    [
        "/admin/",
        "//admin/",
        "/till/../admin/x",
        "/%61dmin/",
        "/ADMIN",
        "http://127.0.0.1:9/till/",
        "file:///etc/passwd",
    ],
)
def test_no_link_leads_out_of_the_screens(start: Start, server: TillServer, target: str) -> None:
    server.pages["/till/"] = (200, page("售票", body=f'<a id="go" href="{target}">out</a>'))
    shell = logged_in(start)

    shell.click("#go")
    shell.do("js", script=f"setTimeout(function () {{ window.open({target!r}); }}, 50)")

    shell.do("js", script="new Date().getTime()")
    state = shell.wait_for(lambda state: state["url"] == f"{server.origin}/till/")
    assert (state["title"], state["showing"]) == ("售票", "screens")
    assert not [call for call in server.calls if "admin" in call["path"].lower()]


def test_a_foreign_host_is_never_asked_for_anything(start: Start, server: TillServer) -> None:
    with TillServer() as stranger:
        body = f'<img src="{stranger.origin}/a.png"><iframe src="{stranger.origin}/b"></iframe>'
        script = f'<script>fetch("{stranger.origin}/c").catch(function () {{ document.title = "blocked"; }})</script>'
        server.pages["/till/"] = (200, page("售票", body=body + script))
        shell = logged_in(start)
        shell.wait_for(lambda state: state["title"] == "blocked")

        assert stranger.calls == []


def test_a_one_time_address_at_another_origin_is_refused(start: Start, server: TillServer) -> None:
    with TillServer() as stranger:
        server.will_answer("/api/v2/web-session", 200, {"url": stranger.one_time_address(), "expiresIn": 30})
        shell = start()
        shell.wait_for(lambda state: state.get("ready"))
        shell.do("log_in", phone="13800000002")

        state = shell.wait_for(on_native)

        assert "PUBLIC_ORIGIN" in state["native"]
        assert stranger.calls == []


def test_permissions_and_downloads_are_denied(start: Start, server: TillServer) -> None:
    script = """<a id="go" download="x.txt" href="/till/file/">x</a><script>
        Notification.requestPermission().then(function (answer) { document.title = answer; });</script>"""
    server.pages["/till/"] = (200, page("售票", body=script))
    server.pages["/till/file/"] = (200, "text")
    shell = logged_in(start)
    shell.wait_for(lambda state: state["title"] == "denied")

    shell.click("#go")

    assert on_screens(shell.state())


def test_a_page_that_prints_is_on_paper_without_a_question(
    start: Start, server: TillServer, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = data_dir / "tickets.pdf"
    monkeypatch.setenv("SHELL_DRIVER_PAPER", str(paper))
    script = """<script>addEventListener("load", function () { window.print(); });</script>"""
    server.pages["/till/"] = (200, page("售票", body=script))

    shell = logged_in(start)

    state = shell.wait_for(lambda _: page_sizes(paper))
    assert page_sizes(paper) == [(80, 130)]
    assert (state["print"], on_screens(state)) == ("", True)


def test_tickets_that_cannot_be_printed_are_told_and_the_sale_goes_on(start: Start, server: TillServer) -> None:
    script = """<button id="print" onclick="window.print()">P</button>
        <button id="next" onclick="document.title = '下一单'">Enter</button>"""
    server.pages["/till/"] = (200, page("售票", body=script))
    shell = logged_in(start, printer="没有的打印机")
    shell.click("#print")

    state = shell.wait_for(lambda state: state["print"])
    assert state["print"] == "没有找到打印机“没有的打印机”，票没打出。订单已保存，可在“订单”里重新打印。"
    assert on_screens(state)

    beats = len(server.called("/api/v2/session"))
    shell.click("#next")
    shell.wait_for(lambda state: state["title"] == "下一单" and len(server.called("/api/v2/session")) > beats + 1)
    assert shell.state()["print"], "a heartbeat took the words away"
    shell.press("知道了")
    shell.wait_for(lambda state: state["print"] == "")


def test_closing_the_window_logs_out_and_ends_the_program(start: Start, server: TillServer) -> None:
    shell = logged_in(start)

    shell.do("close")

    assert shell.process.wait(10) == 0
    assert len(server.called("/api/v2/logout")) == 1


def test_the_window_closes_on_the_page_that_says_why_too(start: Start, server: TillServer) -> None:
    shell = logged_in(start)
    server.dead_sessions = True
    shell.wait_for(on_native)

    shell.do("close")

    assert shell.process.wait(10) == 0


def test_a_terminated_program_logs_out(start: Start, server: TillServer) -> None:
    shell = logged_in(start)

    shell.process.terminate()

    assert shell.process.wait(10) == 0
    assert len(server.called("/api/v2/logout")) == 1


def test_a_second_person_starts_without_the_first_ones_cookie(start: Start, server: TillServer) -> None:
    shell = logged_in(start)
    server.dead_sessions = True
    shell.wait_for(on_native)
    server.dead_sessions = False
    shell.press("回到登录")
    shell.wait_for(lambda state: state.get("ready"))

    shell.do("log_in", phone="13800000003")
    shell.wait_for(on_screens)

    assert "Cookie" not in server.called("/till/enter/code-2/")[0]["headers"]


def test_nothing_of_the_session_is_left_on_disk(start: Start, data_dir: Path) -> None:
    shell = logged_in(start, log_level="DEBUG")
    shell.do("close")
    shell.process.wait(10)

    kept = [path for path in data_dir.rglob("*") if path.is_file() and path.name != "config.json"]
    assert {path.name for path in kept} <= {
        "device.key",
        "device.json",
        "remembered.json",
        "shell.log",
        "driver.log",
        "fault.log",
    }
    for path in kept:
        text = path.read_text("utf-8")
        for secret in ("access-1", "refresh-1", "code-1"):
            assert secret not in text, path


def _program(data_dir: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "SHELL_DATA_DIR": str(data_dir), **environ}
    command = [sys.executable, "-m", "shell_client"]
    return subprocess.run(command, env=told, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_a_wrong_setting_ends_the_start_with_one_line(data_dir: Path) -> None:
    (data_dir / "config.json").write_text('{"api_base": "x"}')

    ended = _program(data_dir)

    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines() == [
        f'shell: {data_dir}/config.json: unknown key "api_base" (did you mean "api_base_url"?)'
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="says how root is refused")
def test_root_is_told_why_it_does_not_start(data_dir: Path) -> None:
    ended = _program(data_dir, QTWEBENGINE_DISABLE_SANDBOX="")

    assert ended.returncode == 2
    assert "does not run as root" in ended.stderr


def test_the_engines_switches_do_not_come_in_from_outside(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QTWEBENGINE_REMOTE_DEBUGGING", "127.0.0.1:9333")
    monkeypatch.setenv("QTWEBENGINE_CHROMIUM_FLAGS", "--ignore-certificate-errors")
    shell = logged_in(start)

    for process in _family(shell.process.pid):
        command = Path(f"/proc/{process}/cmdline").read_text("utf-8")
        assert "remote-debugging" not in command
        assert "ignore-certificate-errors" not in command


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for path in children for child in path.read_text().split()]
    return [pid, *(each for child in found for each in _family(child))]
