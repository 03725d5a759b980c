"""When things break, with the real program: each drill breaks it for real and looks at what the person is told."""

from __future__ import annotations

import json
import resource
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.urls import reverse

from shell_client.browser.window import _PAYMENT
from shell_client.faults import Run
from shell_client.kept import keep
from shell_client.last_order import begin_payment, forget_order, last_order
from shell_client.support import masked, write_bundle
from tests.shell.driver import ShellDriver
from tests.shell.till_server import TillServer, page

Start = Callable[[], ShellDriver]
ORDER = "65f0c0ffee65f0c0ffee65f0"
PAY = f"""<form id="f" method="post" action="/till/orders/{ORDER}/pay"></form>
    <button id="pay" onclick="document.getElementById('f').submit()">pay</button>
    <button id="fetch" onclick="fetch('/till/orders/{ORDER}/pay', {{method: 'POST'}})">pay</button>"""


@pytest.fixture
def start(server: TillServer, data_dir: Path) -> Iterator[Start]:
    running: list[ShellDriver] = []

    def begin() -> ShellDriver:
        (data_dir / "config.json").write_text(json.dumps({"language": "zh-hans", "heartbeat_seconds": 1}), "utf-8")
        running.append(ShellDriver(data_dir=data_dir, api_base_url=server.origin))
        return running[-1]

    yield begin
    for shell in running:
        shell.__exit__()


def log_in(shell: ShellDriver) -> None:
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("log_in", phone="13800000002")
    shell.wait_for(lambda state: state.get("showing") == "screens")


def kill(shell: ShellDriver, number: signal.Signals) -> None:
    shell.process.send_signal(number)
    shell.process.wait(10)


def test_after_a_power_cut_in_a_payment_the_till_opens_on_that_order(
    start: Start, server: TillServer, data_dir: Path
) -> None:
    kept_when_sent: list[bool] = []

    def paid() -> tuple[int, str]:
        kept_when_sent.append(last_order(data_dir) == ORDER)
        return 200, page("已付款")

    server.pages["/till/"] = (200, page("售票", body=PAY))
    server.pages[f"/till/orders/{ORDER}/pay"] = paid
    server.pages[f"/till/orders/{ORDER}/"] = (200, page("订单"))
    shell = start()
    log_in(shell)
    assert last_order(data_dir) is None
    shell.click("#fetch")
    shell.wait_for(lambda _: kept_when_sent)
    assert kept_when_sent == [True], "the payment was sent before it was on disk"

    kill(shell, signal.SIGKILL)
    shell = start()
    state = shell.wait_for(lambda state: state.get("ready") and state["notice"])
    assert state["notice"] == "上次没有正常关闭 登录后打开最后一单：先看是否已付款、已出票"
    log_in(shell)

    shell.wait_for(lambda state: state["title"] == "订单")
    shell.do("close")
    assert shell.process.wait(10) == 0
    assert last_order(data_dir) is None, "an orderly end leaves nothing to go back to"
    assert not (data_dir / "run.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_only_a_person_who_ends_the_program_has_seen_the_order(
    start: Start, data_dir: Path, number: signal.Signals
) -> None:
    begin_payment(data_dir, ORDER)
    shell = start()
    shell.wait_for(lambda state: state.get("ready"))

    kill(shell, number)

    assert last_order(data_dir) == (ORDER if number == signal.SIGTERM else None)
    assert not (data_dir / "run.json").exists()


@pytest.mark.parametrize("window", ["login", "till"])
def test_the_support_file_is_in_the_menu_of_every_window(start: Start, data_dir: Path, window: str) -> None:
    shell = start()
    if window == "till":
        log_in(shell)
    shell.wait_for(lambda state: state["window"] == window)

    assert shell.do("menu", text="存支持文件")

    state = shell.wait_for(lambda state: state["problem"])
    (bundle,) = (data_dir / "support").glob("*.zip")
    assert str(bundle) in state["problem"]
    shell.press("继续")
    assert shell.wait_for(lambda state: not state["problem"])["window"] == window


def test_a_crash_of_the_program_is_shown_at_the_next_start(start: Start, data_dir: Path) -> None:
    shell = start()
    shell.wait_for(lambda state: state.get("ready"))
    kill(shell, signal.SIGSEGV)

    shell = start()
    state = shell.wait_for(lambda state: state["problem"])
    assert "上次程序意外关闭" in state["problem"]
    assert "Segmentation fault" in state["problem"]
    assert "driver.py" in state["problem"], "the trace names where it was"
    assert "device key" in state["problem"], "the end of the log is there too"

    shell.press("存支持文件")
    shell.wait_for(lambda state: "支持文件已存到" in state["problem"])
    (bundle,) = (data_dir / "support").glob("*.zip")
    with zipfile.ZipFile(bundle) as files:
        assert "Segmentation fault" in files.read("fault.former.log").decode()

    shell.press("继续")
    shell.wait_for(lambda state: state["window"] == "login" and not state["problem"] and state["ready"])


def test_what_nobody_caught_is_in_the_log_and_ends_nothing(start: Start, data_dir: Path) -> None:
    shell = start()
    shell.wait_for(lambda state: state.get("ready"))

    shell.do("raise", text="nobody catches this")

    shell.wait_for(lambda state: state["ready"])
    log = (data_dir / "shell.log").read_text("utf-8")
    assert "unexpected" in log
    assert "RuntimeError: nobody catches this" in log


def test_a_server_that_is_gone_and_comes_back_leads_to_the_same_page(start: Start, server: TillServer) -> None:
    server.pages["/till/"] = (200, page("售票", body='<a id="go" href="/till/orders/">订单</a>'))
    server.pages["/till/orders/"] = (200, page("订单"))
    shell = start()
    log_in(shell)
    shell.click("#go")
    shell.wait_for(lambda state: state["title"] == "订单")

    with server.gone():
        shell.do("js", script="location.reload()")
        state = shell.wait_for(lambda state: "连不上服务器" in state["native"])
        assert "秒后自动重试" in state["native"] or "正在重试" in state["native"]

    shell.wait_for(lambda state: state["showing"] == "screens" and state["url"].endswith("/till/orders/"))


def test_on_a_full_disk_the_till_starts_and_sells(start: Start, server: TillServer, data_dir: Path) -> None:
    for name in ("shell.log", "fault.log"):
        (data_dir / name).symlink_to("/dev/full")
    server.pages["/till/"] = (200, page("售票", body=PAY))
    server.pages[f"/till/orders/{ORDER}/pay"] = (200, page("已付款"))

    shell = start()
    log_in(shell)
    shell.click("#pay")

    shell.wait_for(lambda state: state["title"] == "已付款")


@contextmanager
def no_room() -> Iterator[None]:
    """Let this process write no byte more to any file: the write fails in the kernel, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_finds_no_room_stays_what_it_was(tmp_path: Path) -> None:
    keep(tmp_path / "kept", "before")

    with no_room(), pytest.raises(OSError, match="File too large"):
        keep(tmp_path / "kept", "after")

    assert (tmp_path / "kept").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_payment_goes_on_where_its_order_finds_no_room(tmp_path: Path) -> None:
    with no_room():
        begin_payment(tmp_path, ORDER)
        former = Run(tmp_path).begin()

    assert (last_order(tmp_path), former) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"order": "../../admin/", "at": 0}',
        f'{{"order": "{ORDER}", "at": 0}}',
        f'{{"order": "{ORDER}", "at": "x"}}',
        '{"order": 7, "at": 1e12}',
    ],
)
def test_a_kept_order_that_is_damaged_or_old_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "last-order.json").write_text(text)

    assert last_order(tmp_path) is None


def test_an_order_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    begin_payment(tmp_path, ORDER)
    assert last_order(tmp_path) == ORDER
    assert (tmp_path / "last-order.json").stat().st_mode & 0o077 == 0

    forget_order(tmp_path)
    assert last_order(tmp_path) is None


def test_the_servers_own_addresses_are_the_ones_that_the_shell_knows() -> None:
    payment = _PAYMENT.fullmatch(reverse("screens:pay", args=[ORDER]))

    assert payment is not None
    assert payment[1] == ORDER
    assert reverse("screens:order", args=[ORDER]) == f"/till/orders/{ORDER}/"


SECRETS = (
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",  # a device key
    "Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmF",  # a one-time code
    "13812345678",
    "+8613812345678",
    "138 1234 5678",
    "hunter2hunter2",
)


def test_the_bundle_holds_what_helps_and_no_secret(tmp_path: Path) -> None:
    jwt, key, code, phone, foreign, spaced, word = SECRETS
    lines = (
        f"2026-11-24 09:30:00,123 INFO Authorization: DPoP {jwt}",
        f"GET /till/enter/{code}/ 303",
        f"Cookie: till={code}; password={word}",
        f'{{"refreshToken": "{word}", "deviceKey": "{key}"}}',
        f"log-in of {phone}, {foreign}, {spaced}",
        "2026-11-24 09:30:01,456 WARNING heartbeat: ConnectTimeout, order 65f0c0ffee65f0c0ffee65f0",
    )
    (tmp_path / "shell.log").write_text("\n".join(lines), "utf-8")
    (tmp_path / "config.json").write_text('{"api_base_url": "https://till.example.com"}')
    (tmp_path / "remembered.json").write_text(json.dumps({"people": [{"phone": phone, "name": "王小琳"}]}))
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "device.key").write_text(key)

    path = write_bundle(
        data_dir=tmp_path, own_data_dir=True, program_dir=tmp_path, more={"server": "https://x.example"}
    )

    with zipfile.ZipFile(path) as bundle:
        texts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert set(texts) == {"report.json", "shell.log", "config.json"}
    whole = "\n".join(texts.values())
    assert [secret for secret in (*SECRETS, "王小琳") if secret in whole] == []
    assert "2026-11-24 09:30:01,456 WARNING heartbeat: ConnectTimeout, order 65f0c0ffee65f0c0ffee65f0" in whole
    assert "https://till.example.com" in texts["config.json"]
    report = json.loads(texts["report.json"])
    assert report["server"] == "https://x.example"
    assert len(report["machineCode"]) == 32


def test_ordinary_lines_stay_as_they_are() -> None:
    line = "2026-11-24 22:10:00,123 ERROR shell_client.browser.window the page's process ended (2, 139), time 1"

    assert masked(line) == line
