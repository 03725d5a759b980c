"""nginx under fire: slow clients, large bodies, old TLS and weak ciphers, malformed requests."""

import os
import signal
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.ops.processes import eventually
from tests.stack.conftest import Front
from tests.stack.test_nginx import SECURITY_HEADERS, device

SLOW_CLIENTS = 60  # each of both kinds
PATIENCE = {"client_header_timeout": "5s", "client_body_timeout": "15s"}
CUT_AFTER = 4  # seconds, in their place: the rest would be waiting
BODY = 64 * 1024  # what is taken
UPLOAD = 1024 * 1024  # of managers


def connect(front: Front, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """Return a TLS connection to nginx on which nothing has been said."""
    at = urlsplit(front.origin)
    context = context or ssl.create_default_context(cafile=front.ca_file)
    plain = socket.create_connection((at.hostname, at.port), timeout=10)
    return context.wrap_socket(plain, server_hostname=at.hostname)


def said_at_the_end(connection: ssl.SSLSocket, *, seconds: float) -> bytes | None:
    """Return what nginx said before it closed the connection; None where it had not within `seconds`."""
    connection.settimeout(max(seconds, 0.1))
    said = b""
    try:
        while part := connection.recv(65536):
            said += part
    except TimeoutError:
        return None
    except OSError:
        pass  # a reset is an end, too
    return said


def head_of_the_answer(connection: ssl.SSLSocket) -> bytes:
    """Return the head of nginx's answer; the connection may stay open a while for what its client still sends."""
    said = b""
    while b"\r\n\r\n" not in said:
        part = connection.recv(65536)
        assert part, said
        said += part
    return said.partition(b"\r\n\r\n")[0] + b"\r\n"


def make_impatient(front: Front) -> None:
    """Have nginx wait CUT_AFTER seconds for its clients, where it waits PATIENCE."""
    change(front.configuration, {f"{name} {wait};": f"{name} {CUT_AFTER}s;" for name, wait in PATIENCE.items()})
    reload(front)


def change(file: Path, changes: dict[str, str]) -> None:
    """Write other lines in place of those that the configuration has."""
    text = file.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")


def reload(front: Front) -> None:
    """Have nginx read its configuration again, and return when nobody works by the former one."""
    master = int(front.configuration.with_name("nginx.pid").read_text(encoding="ascii"))
    children = Path(f"/proc/{master}/task/{master}/children")
    before = set(children.read_text(encoding="ascii").split())
    os.kill(master, signal.SIGHUP)
    assert eventually(lambda: not before & set(children.read_text(encoding="ascii").split()))


@pytest.mark.slow
def test_slow_clients_are_cut_off_and_nobody_else_waits_for_them(front: Front):
    """Half of them never finish their headers, though they go on sending; half never finish a body."""
    make_impatient(front)
    with ExitStack() as open_ones:
        headers, bodies = ([open_ones.enter_context(connect(front)) for _ in range(SLOW_CLIENTS)] for _kind in range(2))
        began = time.monotonic()
        for connection in headers:
            connection.sendall(b"GET /api/v2/session HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for connection in bodies:
            connection.sendall(b"POST /api/v2/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")

        while time.monotonic() - began < CUT_AFTER - 1:
            for number, connection in enumerate(headers):
                connection.sendall(f"X-Slow-{number}: 1\r\n".encode())
            assert front.get("/api/v2/session", headers=device()).status_code == 200
            time.sleep(0.5)
        left = began + CUT_AFTER + 15 - time.monotonic()
        with ThreadPoolExecutor(2 * SLOW_CLIENTS) as waiting:
            ends = list(waiting.map(lambda each: said_at_the_end(each, seconds=left), headers + bodies))

    assert ends.count(None) == 0
    assert not [said for said in ends if b" 200 " in said]


def test_connections_that_say_nothing_take_every_slot_no_longer_than_the_handshake_may_last(front: Front):
    slots = 40
    shorter = {"client_header_timeout 5s;": "client_header_timeout 2s;", "worker_connections 8192;": ""}
    few = {"worker_processes 4;": "worker_processes 1;", "events {": f"events {{ worker_connections {slots};"}
    change(front.configuration, {**shorter, **few})
    reload(front)
    at = urlsplit(front.origin)
    with ExitStack() as open_ones:
        silent = []
        for _client in range(2 * slots):
            one = open_ones.enter_context(socket.create_connection((at.hostname, at.port), timeout=10))
            one.sendall(b"\x16")  # the first byte of a handshake: nginx may not close it to make room
            silent.append(one)

        assert eventually(lambda: serves(front)), "although they are still there"


def serves(front: Front) -> bool:
    try:
        return front.get("/api/v2/session", headers=device()).status_code == 200
    except requests.RequestException:
        return False


def test_one_address_has_so_many_requests_open_at_once_and_is_told_so(front: Front):
    change(front.configuration.with_name("server.conf"), {"address_connections 400;": "address_connections 5;"})
    reload(front)
    with ExitStack() as open_ones:
        for _client in range(5):
            slow = open_ones.enter_context(connect(front))
            slow.sendall(b"POST /api/v2/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
        assert eventually(lambda: front.get("/api/v2/session", headers=device()).status_code == 429)
        refused = front.get("/api/v2/session", headers=device())
        assert (refused.json()["code"], refused.headers["Retry-After"]) == ("too_many_requests", "2")

    assert eventually(lambda: serves(front)), "they are gone"


@pytest.mark.parametrize("path", ["/api/v2/orders", "/API/v2/login"])
def test_a_body_that_is_too_large_is_refused_in_json_where_programs_ask(front: Front, path: str):
    answer = post(front, path, b"x" * (BODY + 1))

    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert (answer.json()["code"], answer.json()["status"]) == ("too_large", 413)
    assert answer.json()["requestId"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/till/orders/", "/admin/login/"])
def test_a_body_that_is_too_large_is_refused_by_a_page_where_people_ask(front: Front, path: str):
    answer = post(front, path, b"x" * (UPLOAD + 1))

    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert "The request is too large" in answer.text
    assert "请求过大" in answer.text


def test_a_body_of_the_size_that_is_allowed_goes_through(front: Front):
    assert post(front, "/api/v2/orders", b"x" * BODY).status_code == 200
    assert post(front, "/admin/venues/hall/add/", b"x" * UPLOAD).status_code == 200


def post(front: Front, path: str, body: bytes) -> requests.Response:
    """POST `body` as a program does that reads the answer although its body was not wanted."""
    return requests.post(front.origin + path, data=body, verify=front.ca_file, timeout=10)


@pytest.mark.parametrize("path", ["/api/v2/orders", "/till/orders/", "/admin/login/"])
def test_a_refused_body_is_answered_with_the_security_headers_once(front: Front, path: str):
    refused = post(front, path, b"x" * (UPLOAD + 1))

    for name in SECURITY_HEADERS:
        assert len(refused.raw.headers.getlist(name)) == 1, name
    assert refused.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"nonsense", b"400"),
        (b"GET /api/v2/session HTTP/1.1\r\nHost: a b", b"400"),
        (b"GET /api/v2/session HTTP/1.1\r\nHost: a\r\nHost: b", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: a", b"400"),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a", b"414"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 40_000, b"400"),
        (b"TRACE / HTTP/1.1\r\nHost: a", b"405"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", b"400"),
    ],
)
def test_what_is_no_request_ends_at_nginx_with_the_headers_of_every_answer(
    front: Front, request_line: bytes, status: bytes
):
    with connect(front) as connection:
        with suppress(OSError):  # it may have answered and closed before the end of what is too long
            connection.sendall(request_line + b"\r\n\r\n")
        head = head_of_the_answer(connection)

    assert status in head.split(b"\r\n")[0]
    for name in SECURITY_HEADERS:
        assert head.lower().count(name.lower().encode() + b":") == 1, name
    assert b"\r\nserver: nginx\r\n" in head.lower()  # no version


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_good_versions_of_tls_are_spoken(front: Front, version: ssl.TLSVersion):
    context = ssl.create_default_context(cafile=front.ca_file)
    context.minimum_version = context.maximum_version = version

    with connect(front, context) as connection:
        assert connection.version() == version.name.replace("_", ".")
        assert connection.compression() is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_not(front: Front, version: ssl.TLSVersion):
    context = ssl.create_default_context(cafile=front.ca_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version

    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        connect(front, context)


@pytest.mark.parametrize(
    "cipher", ["ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-CCM", "AES256-GCM-SHA384"]
)
def test_ciphers_without_forward_secrecy_or_authenticated_encryption_are_refused(front: Front, cipher: str):
    context = ssl.create_default_context(cafile=front.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)

    with pytest.raises(ssl.SSLError, match=r"(?i)alert handshake failure"):
        connect(front, context)


def test_a_client_that_was_here_resumes_its_tls_session(front: Front):
    context = ssl.create_default_context(cafile=front.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the session is known at the end of the handshake
    at = urlsplit(front.origin)
    with connect(front, context) as connection:
        session = connection.session

    with (
        socket.create_connection((at.hostname, at.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=at.hostname, session=session) as again,
    ):
        assert again.session_reused


def test_a_stranger_with_changing_keys_is_limited_in_json_and_told_when_to_come_back(front: Front):
    with ThreadPoolExecutor(16) as strangers:
        answers = list(strangers.map(lambda _: front.get("/api/v2/login", headers=device()), range(400)))
    refused = [answer for answer in answers if answer.status_code == 429]

    assert len(refused) > 50
    assert {answer.headers["Content-Type"] for answer in refused} == {"application/problem+json"}
    assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
    assert {answer.json()["code"] for answer in refused} == {"too_many_requests"}
    for name in SECURITY_HEADERS:
        assert len(refused[0].raw.headers.getlist(name)) == 1, name
