"""Hostile pages in the web view of a real shell process; each attack works once its guards are off."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.shell.driver import ShellDriver
from tests.shell.hostile import ATTACKS, Stranger
from tests.shell.till_server import TillServer, page

GIVE_UP_SECONDS = 15
PRESS_AGAIN_SECONDS = 0.5
REFUSALS = ("refused to go to", "page: Refused to", "blocked ", "window was refused", "download was refused")


@dataclass
class Till:
    """A shell process with somebody logged in, the server that its pages come from, and a stranger's."""

    server: TillServer
    shell: ShellDriver
    data_dir: Path
    debugging_port: int
    stranger: Stranger

    def show(self, name: str, body: str, *, until: Callable[[], object]) -> None:
        """Open a page of the till's own server with this body, press `#go` where it has one, and wait."""
        path = f"/till/{name}/"
        self.server.pages[path] = (200, page("attack", body=body))
        self.shell.do("js", script=f"location.href = {self.server.origin + path!r}")
        pressed_at = 0.0
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while not until():
            assert time.monotonic() < give_up, f"it did not happen: {self.shell.state()}"
            ready = 'id="go"' in body and self.shell.state()["url"].endswith(path)
            if ready and time.monotonic() > pressed_at + PRESS_AGAIN_SECONDS:  # the engine is deaf until it has drawn
                self.shell.do("click", selector="#go")
                pressed_at = time.monotonic()
            time.sleep(0.02)

    def answer(self, name: str, script: str) -> Any:
        """Run `script` as a page's own, which calls `done(value)`, and return that value."""
        body = f"<script>function done(value) {{ document.title = 'is ' + JSON.stringify(value); }}\n{script}</script>"
        self.show(name, body, until=lambda: self.title_of(name).startswith("is "))
        return json.loads(self.shell.state()["title"].removeprefix("is "))

    def title_of(self, name: str) -> str:
        """Return the title of the page of this name, nothing where another one is shown."""
        state = self.shell.state()
        title: str = state["title"] if state["url"].endswith(f"/till/{name}/") else ""
        return title

    def log(self) -> str:
        """Return all that the shell wrote to its log."""
        return (self.data_dir / "shell.log").read_text("utf-8")


def log_in(data_dir: Path, server: TillServer, **environ: str) -> ShellDriver:
    """Start a shell with switches for its engine on every way that there is, and log somebody in."""
    data_dir.mkdir()
    (data_dir / "config.json").write_text(json.dumps({"language": "zh-hans", "heartbeat_seconds": 100}), "utf-8")
    shell = ShellDriver(
        data_dir=data_dir, api_base_url=server.origin, environ=environ, arguments=["--js-flags=--expose-gc"]
    )
    shell.wait_for(lambda state: state.get("ready"))
    shell.do("log_in", phone="13800000002")
    return shell


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


@contextmanager
def running_till(folder: Path, **environ: str) -> Iterator[Till]:
    """Run a shell that a debugger is meant to be let into."""
    port = free_port()
    environ["HOME"] = str(folder.parent)
    environ["QTWEBENGINE_REMOTE_DEBUGGING"] = f"127.0.0.1:{port}"
    with Stranger() as stranger, TillServer() as server, log_in(folder, server, **environ) as shell:
        shell.wait_for(lambda state: state.get("showing") == "screens")
        yield Till(server, shell, folder, port, stranger)


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with running_till(tmp_path_factory.mktemp("guarded") / "till") as running:
        yield running


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with running_till(tmp_path_factory.mktemp("unguarded") / "till", SHELL_DRIVER_UNGUARDED="1") as running:
        yield running


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_page_reaches_a_foreign_origin(till: Till, attack: str) -> None:
    stranger, written = till.stranger, len(till.log())
    till.server.moved["/till/away/"] = f"http://127.0.0.1:{stranger.port}/{attack}"

    def was_refused() -> bool:
        refused = any(word in till.log()[written:] for word in REFUSALS)
        return refused or till.shell.state()["title"] == f"{attack} failed"

    till.show(attack, stranger.page_of(attack), until=was_refused)

    state = till.shell.state()
    assert not stranger.was_reached_by(attack)
    assert state["url"].startswith(till.server.origin + "/till/")
    assert state["showing"] == "screens"


@pytest.mark.parametrize("attack", ATTACKS)
def test_without_its_guards_the_same_page_reaches_it(unguarded: Till, attack: str) -> None:
    stranger = unguarded.stranger
    unguarded.server.moved["/till/away/"] = f"http://127.0.0.1:{stranger.port}/{attack}"

    unguarded.show(attack, stranger.page_of(attack), until=lambda: stranger.was_reached_by(attack))


def test_no_debugger_gets_in_and_no_switch_of_the_command_line_counts(till: Till) -> None:
    with socket.socket() as door:
        assert door.connect_ex(("127.0.0.1", till.debugging_port)) != 0
    assert till.answer("switches", "done(typeof gc)") == "undefined"


def test_without_their_guards_the_switches_count(unguarded: Till) -> None:
    with socket.socket() as door:
        assert door.connect_ex(("127.0.0.1", unguarded.debugging_port)) == 0
    assert unguarded.answer("switches", "done(typeof gc)") == "function"


PERMISSIONS = """
    var said = {}, waiting = 3;
    function hear(what) { return function (value) { said[what] = value; if (--waiting === 0) { done(said); } }; }
    Notification.requestPermission().then(hear("notification"));
    navigator.geolocation.getCurrentPosition(hear("place"), function (error) {
      hear("place")(error.code === error.PERMISSION_DENIED ? "denied" : "unknown"); }, {timeout: 300});
    hear("clipboard")(document.execCommand("paste"));
"""


def test_no_permission_is_given(till: Till) -> None:
    said = till.answer("permissions", PERMISSIONS)

    assert said == {"notification": "denied", "place": "denied", "clipboard": False}


def test_without_its_guard_permissions_are_given(unguarded: Till) -> None:
    said = unguarded.answer("permissions", PERMISSIONS)

    assert said == {"notification": "granted", "place": "unknown", "clipboard": True}


def test_a_page_cannot_hold_the_till_up_or_ask_for_a_pin_by_a_dialog(till: Till) -> None:
    """With the engine's own dialogs no answer would come until a person pressed a button."""
    assert till.answer("dialogs", "alert('x'); done([confirm('x'), prompt('PIN')])") == [False, None]


REACH = """
    var said = {bridge: typeof qt, shell: Object.keys(window).filter(function (name) { return /shell/i.test(name); })};
    said.kept = [document.cookie, document.referrer, location.href, JSON.stringify(localStorage),
      JSON.stringify(sessionStorage), JSON.stringify(history.state)].concat(
      performance.getEntries().map(function (entry) { return entry.name; })).join(" ");
    fetch("/api/v2/session").then(function (answer) {
      said.api = answer.status;
      return fetch("file://KEY");
    }).then(function () { said.file = "read"; }, function () { said.file = "refused"; })
      .then(function () { done(said); });
"""


def test_a_hostile_page_finds_no_token_no_one_time_code_no_file_and_no_bridge(till: Till) -> None:
    said = till.answer("reach", REACH.replace("KEY", str(till.data_dir / "device" / "device.key")))

    call = till.server.called("/api/v2/session")[-1]
    assert not {"Authorization", "DPoP", "X-Device-Id"} & set(call["headers"])
    assert (said["api"], said["file"]) == (401, "refused")
    assert (said["bridge"], said["shell"]) == ("undefined", [])
    for secret in ("access-", "refresh-", "code-"):
        assert secret not in said["kept"]


def test_without_its_guards_it_finds_the_token_and_a_bridge(unguarded: Till) -> None:
    """With a channel in the page's world, and the token in a header that the interceptor adds."""
    said = unguarded.answer("reach", REACH)

    assert unguarded.server.called("/api/v2/session")[-1]["headers"]["Authorization"] == "DPoP access-1"
    assert said["bridge"] == "object"


READ_A_FILE = """<input id="go" type="file"><script>go.onchange = function () {
    go.files[0].text().then(function (text) { document.title = text; }); }</script>"""


def test_a_page_that_asks_for_a_file_gets_none(till: Till) -> None:
    till.show("file", READ_A_FILE, until=lambda: "asked for a file" in till.log())

    assert till.answer("after-file", "done(1)") == 1
    assert "a page asked for a file" in till.log()


def test_without_its_guard_a_page_reads_the_key(unguarded: Till) -> None:
    key = (unguarded.data_dir / "device" / "device.key").read_text("utf-8").strip()

    unguarded.show("file", READ_A_FILE, until=lambda: unguarded.shell.state()["title"].strip() == key)


DROPPED = """<script>
    addEventListener("dragover", function (event) { event.preventDefault(); });
    addEventListener("drop", function (event) {
      event.preventDefault();
      event.dataTransfer.files[0].text().then(function (text) { document.title = text; });
    });
</script>"""


def test_a_file_that_is_dropped_on_a_page_is_not_its_to_read(till: Till) -> None:
    till.show("dropped", DROPPED, until=lambda: till.title_of("dropped"))

    assert till.shell.do("drop", path=str(till.data_dir / "device" / "device.key")) is False
    assert till.answer("after-drop", "done(1)") == 1


def test_without_its_guard_a_dropped_file_is_read(unguarded: Till) -> None:
    key = unguarded.data_dir / "device" / "device.key"
    unguarded.show("dropped", DROPPED, until=lambda: unguarded.title_of("dropped"))

    assert unguarded.shell.do("drop", path=str(key)) is True
    unguarded.shell.wait_for(lambda state: state["title"].strip() == key.read_text("utf-8").strip())


def offer(till: Till, name: str, *, content_type: str) -> str:
    """Return the body of a page with a link that saves a file of the till's own server as `name`."""
    till.server.pages["/till/report/"] = (200, "a,b")
    till.server.types["/till/report/"] = content_type
    return f'<a id="go" download="{name}" href="/till/report/">x</a>'


def test_a_file_of_a_listed_type_goes_to_the_folder_for_downloads(till: Till) -> None:
    body = offer(till, "..\\..\\day.exe", content_type="text/csv")

    till.show("offer", body, until=lambda: till.shell.state()["file"])

    saved = till.data_dir.parent / "Downloads" / "day.csv"
    assert till.shell.state()["file"] == f"文件已存到 {saved}"
    assert saved.read_text("utf-8") == "a,b"
    till.shell.press("知道了")


@pytest.mark.parametrize("content_type", ["application/x-msdownload", "text/html", "application/javascript"])
def test_a_file_of_another_type_is_not_saved(till: Till, content_type: str) -> None:
    written = len(till.log())
    body = offer(till, "x.exe", content_type=content_type)

    till.show("offer-other", body, until=lambda: "download was refused" in till.log()[written:])

    assert not list(till.data_dir.parent.rglob("x*.exe"))
    assert till.shell.state()["file"] == "文件没有保存：只能下载 PDF、CSV 和 Excel"
    till.shell.press("知道了")


def test_a_file_that_a_page_made_itself_is_not_saved(till: Till) -> None:
    written = len(till.log())
    body = """<a id="go" download="x.csv">x</a><script>
        go.href = URL.createObjectURL(new Blob(["=1+1"], {type: "text/csv"}))</script>"""

    till.show("made", body, until=lambda: "download was refused" in till.log()[written:])

    assert not list(till.data_dir.parent.rglob("x*.csv"))


def test_without_its_guard_any_file_is_saved(unguarded: Till) -> None:
    body = offer(unguarded, "x.exe", content_type="application/x-msdownload")

    unguarded.show("offer", body, until=(unguarded.data_dir / "x.exe").is_file)


PRETEND = "console.info('till-shell:ended'); done(1)"


def test_a_page_does_not_speak_for_the_shell(till: Till) -> None:
    till.answer("pretend", PRETEND)

    assert till.shell.state()["showing"] == "screens"
    assert not till.server.called("/till/enter/code-2/")


def test_with_a_sign_that_it_knows_it_would(unguarded: Till) -> None:
    unguarded.show(
        "pretend",
        f"<script>function done() {{}} {PRETEND}</script>",
        until=lambda: unguarded.server.called("/till/enter/code-2/"),
    )


@contextmanager
def server_of_a_private_ca(folder: Path) -> Iterator[tuple[TillServer, Path]]:
    """Run a server with a certificate that the shell's own calls trust by the yielded file, and the engine does not."""
    ca, key = folder / "ca.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=till", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(ca)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(ca, key)
    server = TillServer()
    server._httpd.socket = tls.wrap_socket(server._httpd.socket, server_side=True)
    server.origin = server.origin.replace("http:", "https:")
    with server:
        yield server, ca


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
def test_a_certificate_that_the_system_does_not_trust_opens_nothing(tmp_path: Path, *, guarded: bool) -> None:
    environ = {"HOME": str(tmp_path), "SHELL_DRIVER_UNGUARDED": "" if guarded else "1"}
    with server_of_a_private_ca(tmp_path) as (server, ca):
        environ["SSL_CERT_FILE"] = str(ca)
        with log_in(tmp_path / "till", server, **environ) as shell:
            state = shell.wait_for(
                lambda state: state.get("showing") == "screens" or "连不上服务器" in state.get("native", "")
            )

            entered = [call for call in server.calls if call["path"].startswith("/till/")]
            log = (tmp_path / "till" / "shell.log").read_text("utf-8")
            assert (state["showing"], bool(entered)) == (("native", False) if guarded else ("screens", True))
            assert ("certificate refused" in log) == guarded
