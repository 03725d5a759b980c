"""The container's nginx: its script fills in the same templates; the allow-list, the groups, a server that is away."""

import http.client
import os
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.devtools.certificates import ensure_certificates
from backend.devtools.children import CannotStart, Child, free_port
from tests.stack.test_nginx import SECURITY_HEADERS

ROOT = Path(__file__).resolve().parents[2]
FORGED = {"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
BACK_OFFICE = ["/admin/", "/ADMIN/login/", "//admin/", "/%61dmin/", "/admin%2f"]
GRAFANA = ["/ops/", "/ops/login", "/ops/api/live/ws", "//ops//", "/%6fps/", "/ops%2flogin"]
# What nginx would read as one place, and the application, which is given it as it stands, perhaps as another.
DOTTED = [
    "/admin/x/../../till/",
    "/admin/login/%2e%2e/%2e%2e/",
    "/admin/accounts/user/1/../../../../x/change/",
    "/till/../admin/",
    "/till/%2e%2E/admin/",
    "/till/.%2e/admin/",
    "/till/%2E./admin/",
    "/till/%2e%2e%2fadmin/",
    "/till%2F..%2Fadmin/",
    "/till/..\\admin/",
    "/till%5c..%5Cadmin/",
    "/admin/./",
    "/admin/%2e?a=b",
    "/admin/..",
    "/admin/#/../till/",
    "/admin/..#",
    "/static/../ops/",
    "/ops/api/live/../../login",
    "/ops/%2e%2e/till/",
    "https://127.0.0.1/till/../admin/",
    "/ops/../metrics",
]
UNDOTTED = [
    "/till/?next=/../admin/",
    "/till/a..b/",
    "/till/...",
    "/till/.well-known/x",
    "/till/%2e%2e%2e/",
    "/till/..a",
]


class Application(ThreadingHTTPServer):
    """A server of the application: it answers with its name, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.asked: list[str] = []
        self.told: list[dict[str, str]] = []
        self.gone = False
        self.policy = ""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def leave(self) -> None:
        """Take no more connections."""
        if not self.gone:
            self.gone = True
            self.shutdown()
            self.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers all but `/cut`, whose connection it cuts after it has read the request."""

    server: Application

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.told.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/cut":
            self.close_connection = True
            return
        if self.headers.get("Upgrade") == "websocket":
            self.echo_what_comes()
            return
        self.send_response(200)
        self.send_header("X-Server", self.server.name)
        self.send_header("Content-Length", "0")
        if self.server.policy:
            self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def echo_what_comes(self) -> None:
        """Change the protocol to one that says everything back."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        while line := self.rfile.readline():
            self.wfile.write(line)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


class Front:
    """A running nginx, as the container's script starts it."""

    def __init__(self, port: int, ca_file: Path) -> None:
        self.port = port
        self.status_port = free_port()
        self.context = ssl.create_default_context(cafile=str(ca_file))

    def ask(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        """Ask for a path exactly as it is written: other clients make it harmless first."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
        try:
            connection.request(method, path, body="x" if method == "POST" else None, headers=headers or {})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        return answer

    def serves(self) -> bool:
        try:
            return self.ask("/healthz").status == 200
        except OSError:
            return False


@pytest.fixture
def servers() -> Iterator[dict[str, Application]]:
    """Return two tills, an office and a Grafana."""
    made = {name: Application(name) for name in ("till-1", "till-2", "office", "ops")}
    yield made
    for server in made.values():
        server.leave()


@pytest.fixture
def start(tmp_path: Path, servers: dict[str, Application]) -> Iterator[Callable[..., Front]]:
    """Start nginx by the container's script, with the variables given on top."""
    ca_file, certificate, key = ensure_certificates(tmp_path / "tls")
    children: list[Child] = []

    def begin(**variables: str) -> Front:
        run_dir = tmp_path / "run"
        run_dir.mkdir(exist_ok=True)
        front = Front(free_port(), ca_file)
        tills = [f"server {servers[name].address} max_fails=2 fail_timeout=5s;" for name in ("till-1", "till-2")]
        environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "RUN_DIR": str(run_dir),
            "CONF_DIR": str(ROOT / "nginx" / "conf"),
            "STATIC_PARENT": str(tmp_path),
            "ERROR_LOG": str(run_dir / "error.log"),
            "ACCESS_LOG": str(run_dir / "access.log"),
            "LISTEN": f"127.0.0.1:{front.port}",
            "REDIRECT_LISTEN": f"127.0.0.1:{free_port()}",
            "STATUS_LISTEN": f"127.0.0.1:{front.status_port}",
            "TLS_CERTIFICATE": str(certificate),
            "TLS_KEY": str(key),
            "PUBLIC_ORIGIN": f"https://127.0.0.1:{front.port}",
            "TILL_SERVERS": " ".join(tills),
            "OFFICE_SERVERS": f"server {servers['office'].address};",
            "OPS_SERVERS": f"server {servers['ops'].address};",
            "ADMIN_ALLOW": "all",
            # Started by root, workers would become `nobody`, who may not read a home directory.
            "NGINX_GLOBAL": "user root; " if os.geteuid() == 0 else "",
        }
        script = ["/bin/sh", str(ROOT / "docker" / "nginx" / "entry.sh")]
        child = Child("nginx", script, environment={**environment, **variables}, log=tmp_path / "nginx.log")
        children.append(child)
        child.wait_until(front.serves, seconds=10)
        for server in servers.values():
            server.asked.clear()
            server.told.clear()
        return front

    yield begin
    for child in children:
        child.stop()


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("/", "till"),
        ("/till/", "till"),
        ("/api/v2/login", "till"),
        ("/api/v2/session", "till"),
        ("/api/v2/orders", "till"),
        ("/admin/", "office"),
        ("/api/docs/", "office"),
        ("/api/schema/", "office"),
        ("/api/v2/users", "office"),
        ("/api/v2/users/1/unbind-device", "office"),
        ("/api/v2/login-logs", "office"),
        ("/api/v2/sessions", "office"),
    ],
)
def test_what_managers_ask_takes_no_worker_from_the_tills(start: Callable[..., Front], path: str, group: str) -> None:
    assert (start().ask(path).headers["X-Server"] or "").startswith(group)


@pytest.mark.parametrize("path", BACK_OFFICE)
def test_a_stranger_reaches_the_back_office_by_no_spelling_and_no_header(
    start: Callable[..., Front], servers: dict[str, Application], path: str
) -> None:
    front = start(ADMIN_ALLOW="192.0.2.0/24, 2001:db8::/48")

    assert front.ask(path, headers=FORGED).status == 403
    assert [server.asked for server in servers.values()] == [[], [], [], []]


def test_a_path_that_can_be_read_in_two_ways_reaches_nobody(
    start: Callable[..., Front], servers: dict[str, Application]
) -> None:
    front = start(ADMIN_ALLOW="192.0.2.0/24")

    assert {path: front.ask(path).status for path in DOTTED} == dict.fromkeys(DOTTED, 400)
    assert [server.asked for server in servers.values()] == [[], [], [], []]
    assert {path: front.ask(path).status for path in UNDOTTED} == dict.fromkeys(UNDOTTED, 200)


@pytest.mark.parametrize("path", GRAFANA)
def test_a_stranger_reaches_grafana_by_no_spelling_and_no_header(
    start: Callable[..., Front], servers: dict[str, Application], path: str
) -> None:
    front = start(ADMIN_ALLOW="192.0.2.0/24")

    assert front.ask(path, headers=FORGED).status == 403
    assert front.ask(path, "POST", headers=FORGED).status == 403
    assert [server.asked for server in servers.values()] == [[], [], [], []]


@pytest.mark.parametrize("path", GRAFANA)
def test_one_of_the_list_reaches_grafana_and_no_other_server(start: Callable[..., Front], path: str) -> None:
    assert start(ADMIN_ALLOW="127.0.0.0/8").ask(path).headers["X-Server"] == "ops"


def test_grafana_gets_its_own_cookies_and_the_true_address(
    start: Callable[..., Front], servers: dict[str, Application]
) -> None:
    cookies = "__Host-till=secret; sessionid=secret; grafana_session=mine; grafana_session_expiry=9"

    answer = start().ask("/ops/d/cinema", headers={**FORGED, "Cookie": cookies, "Upgrade": "h2c"})

    (told,) = servers["ops"].told
    assert told["cookie"] == "grafana_session=mine; grafana_session_expiry=9"
    assert (told["x-forwarded-for"], told["x-real-ip"]) == ("127.0.0.1", "127.0.0.1")
    assert "upgrade" not in told
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Strict-Transport-Security"]


def test_grafana_sends_live_by_a_websocket(start: Callable[..., Front]) -> None:
    front = start()
    plain = socket.create_connection(("127.0.0.1", front.port), timeout=10)
    with front.context.wrap_socket(plain, server_hostname="127.0.0.1") as live:
        live.sendall(
            b"GET /ops/api/live/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        said = live.makefile("rb")
        assert said.readline().startswith(b"HTTP/1.1 101 ")
        while said.readline() not in {b"\r\n", b""}:
            pass
        live.sendall(b"twenty seats\n")
        assert said.readline() == b"twenty seats\n"


def test_the_application_is_never_asked_to_change_the_protocol(
    start: Callable[..., Front], servers: dict[str, Application]
) -> None:
    answer = start().ask("/api/v2/orders", headers={"Connection": "Upgrade", "Upgrade": "websocket"})

    assert answer.status == 200
    told = [told for name in ("till-1", "till-2") for told in servers[name].told]
    assert [("upgrade" in one, one.get("connection")) for one in told] == [(False, None)]


def test_grafana_away_is_said_in_json(start: Callable[..., Front], servers: dict[str, Application]) -> None:
    servers["ops"].leave()

    answer = start().ask("/ops/")

    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")


def test_its_own_figures_are_on_the_inner_port_alone(start: Callable[..., Front]) -> None:
    front = start()
    with urllib.request.urlopen(f"http://127.0.0.1:{front.status_port}/stub_status", timeout=5) as answer:
        assert answer.read().startswith(b"Active connections: ")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{front.status_port}/", timeout=5)

    assert front.ask("/stub_status").headers["X-Server"].startswith("till")  # a page of the application's like any


def test_one_of_the_list_reaches_it(start: Callable[..., Front]) -> None:
    assert start(ADMIN_ALLOW="192.0.2.0/24,127.0.0.0/8").ask("/admin/").headers["X-Server"] == "office"


def test_a_load_balancer_ahead_is_believed_where_it_is_named(start: Callable[..., Front]) -> None:
    front = start(ADMIN_ALLOW="192.0.2.0/24", PROXIES_AHEAD="127.0.0.1")

    assert front.ask("/admin/", headers={"X-Forwarded-For": "192.0.2.7"}).status == 200
    assert front.ask("/admin/", headers={"X-Forwarded-For": "198.51.100.7"}).status == 403
    assert front.ask("/admin/", headers={"X-Forwarded-For": "192.0.2.7, 198.51.100.7"}).status == 403


@pytest.mark.parametrize("path", ["/metrics", "/METRICS/", "/OPS/"])
def test_what_is_for_the_inside_is_not_there(start: Callable[..., Front], path: str) -> None:
    assert start().ask(path).status == 404


@pytest.mark.parametrize("path", ["/ops/", "/ops", "/ops/api/live/ws"])
def test_without_a_grafana_its_place_is_not_there(start: Callable[..., Front], path: str) -> None:
    assert start(OPS_SERVERS="").ask(path).status == 404


@pytest.mark.parametrize("variable", ["ADMIN_ALLOW", "PUBLIC_ORIGIN", "TILL_SERVERS"])
def test_a_missing_variable_stops_the_start_and_is_named(start: Callable[..., Front], variable: str) -> None:
    with pytest.raises(CannotStart, match=variable):
        start(**{variable: ""})


def test_a_network_that_is_none_stops_the_start(start: Callable[..., Front]) -> None:
    with pytest.raises(CannotStart):
        start(ADMIN_ALLOW="10.0.0")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ADMIN_ALLOW", "all,10.0.0.0/8"),
        ("ADMIN_ALLOW", "10.0.0.0/8, all"),
        ("PUBLIC_ORIGIN", "https://tickets.example.com/"),
        ("PUBLIC_ORIGIN", "https://tickets.example.com/till"),
    ],
)
def test_what_was_not_meant_so_stops_the_start(start: Callable[..., Front], variable: str, value: str) -> None:
    with pytest.raises(CannotStart, match=f"{variable} is {value}"):
        start(**{variable: value})


def test_what_the_application_allows_a_browser_is_sent_on_once(
    start: Callable[..., Front], servers: dict[str, Application]
) -> None:
    front = start()
    servers["till-1"].policy = servers["till-2"].policy = "default-src 'self'"

    assert front.ask("/till/").headers.get_all("Content-Security-Policy") == ["default-src 'self'"]
    assert front.ask("/ops/").headers.get_all("Content-Security-Policy") is None  # of Grafana's scripts: as they are
    servers["ops"].leave()
    (strict,) = front.ask("/ops/").headers.get_all("Content-Security-Policy") or []
    assert strict.startswith("default-src 'none'; ")


def test_a_till_server_that_is_away_costs_nobody_a_request(
    start: Callable[..., Front], servers: dict[str, Application]
) -> None:
    front = start()
    servers["till-1"].leave()

    assert {front.ask("/api/v2/orders", method).status for method in ("GET", "POST") for _ in range(8)} == {200}
    assert len(servers["till-2"].asked) == 16


@pytest.fixture
def silent(servers: dict[str, Application]) -> Iterator[str]:
    """Make the first till an address that answers no connection at all, like that of a container that is gone."""
    servers["till-1"].leave()
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        listener.settimeout(0)
        for _place in range(8):  # as many as it lets wait; whoever comes after them hears nothing
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_till_server_that_says_nothing_costs_nobody_a_request(
    start: Callable[..., Front], servers: dict[str, Application], silent: str
) -> None:
    tills = f"server {silent} max_fails=1 fail_timeout=60s; server {servers['till-2'].address};"
    front = start(TILL_SERVERS=tills)

    with ThreadPoolExecutor(4) as tills_at_once:
        assert set(tills_at_once.map(lambda _: front.ask("/api/v2/orders", "POST").status, range(8))) == {200}
    assert servers["till-2"].asked == ["POST /api/v2/orders"] * 8  # each once


@pytest.mark.parametrize(
    ("path", "status"),
    [("/x/../y", 400), ("/admin/", 403), ("/ops/", 403), ("/metrics", 404), ("/api/v2/orders", 503), ("/till/", 503)],
)
def test_what_nginx_refuses_itself_carries_the_security_headers_once(
    start: Callable[..., Front], servers: dict[str, Application], path: str, status: int
) -> None:
    front = start(ADMIN_ALLOW="192.0.2.0/24")
    for name in ("till-1", "till-2"):
        servers[name].leave()

    answer = front.ask(path)

    assert answer.status == status
    for name in SECURITY_HEADERS:
        assert len(answer.headers.get_all(name) or []) == 1, name


def test_a_sale_that_was_sent_is_not_sent_again(start: Callable[..., Front], servers: dict[str, Application]) -> None:
    answer = start().ask("/cut", "POST")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert sum(len(server.asked) for server in servers.values()) == 1


def test_with_no_server_at_all_it_says_so_in_json(start: Callable[..., Front], servers: dict[str, Application]) -> None:
    front = start()
    for name in ("till-1", "till-2"):
        servers[name].leave()

    answer = front.ask("/api/v2/orders", "POST")

    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert front.ask("/admin/").status == 200
