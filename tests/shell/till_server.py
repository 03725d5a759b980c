"""A small real server for the shell's tests: it checks every proof, and answers as a test tells it to."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

import jwt

from shell_client.device.key import base64url

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>{title}</title>{head}</head>
<body style="font:24px sans-serif"><h1>{title}</h1>{body}</body></html>"""
ACCOUNT = {
    "user": {"id": "u1", "phone": "13800000002", "name": "王小琳", "role": "seller", "cinemas": ["c1"]},
    "session": {"id": "s1", "startedAt": "2026-11-27T04:54:00Z", "expiresAt": "2026-11-27T16:54:00Z"},
}
Answer = tuple[int, dict[str, Any], dict[str, str]]


class TillServer:
    """What the test may set, and what the shell sent.

    `answers[path]` is a list of ready answers `(status, body, headers)` that are given first, one a call;
    a callable among them makes the answer; `pages[path]` is HTML `(status, body)`; `moved[path]` is where a
    redirect leads, `types[path]` a content type.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer | Callable[[], Answer]]] = {}
        self.pages: dict[str, tuple[int, str] | Callable[[], tuple[int, str]]] = {"/till/": (200, page("售票"))}
        self.moved: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.calls: list[dict[str, Any]] = []
        self.nonces = {"nonce-1"}
        self.nonce = "nonce-1"
        self.seconds_ahead = 0.0
        self.token_seconds = 600
        self.cookies_in: list[str] = []
        self.proofs_seen: set[str] = set()
        self.wrong_proofs: list[str] = []
        self.dead_sessions = False
        self.why_dead = "unbound"
        self._generation = Counter[str]()
        self._started = threading.Event()
        server = self

        class Handler(_Handler):
            till = server

        self._handler = Handler
        self.connections: set[socket.socket] = set()
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._httpd.server_port
        self.origin = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._serve()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Refuse every connection, and cut those there are; afterwards listen again at the same port."""
        self._stop()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        yield
        self._httpd = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self._serve()

    def _serve(self) -> None:
        self._httpd.daemon_threads = True
        threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _stop(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()

    def will_answer(self, path: str, status: int, body: dict[str, Any] | None = None, **headers: str) -> None:
        """Give this answer to the next call of `path` that is not yet spoken for."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(path, []).append((status, body or {}, named))

    def called(self, path: str) -> list[dict[str, Any]]:
        """Return the calls of one path."""
        return [call for call in self.calls if call["path"] == path]

    def new_tokens(self) -> dict[str, Any]:
        """Return a fresh pair of tokens."""
        self._generation["pair"] += 1
        number = self._generation["pair"]
        return {
            "accessToken": f"access-{number}",
            "refreshToken": f"refresh-{number}",
            "tokenType": "DPoP",
            "expiresIn": self.token_seconds,
        }

    def one_time_address(self) -> str:
        """Return an address that opens the screens once."""
        self._generation["code"] += 1
        return f"{self.origin}/till/enter/code-{self._generation['code']}/"


def page(title: str, *, body: str = "", head: str = "") -> str:
    """Return a page of the screens."""
    return PAGE.format(title=title, body=body, head=head)


ENDED = page("已退出", head='<meta name="till-ended" content="session_revoked">')


class _Handler(BaseHTTPRequestHandler):
    till: TillServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Let the test cut this connection."""
        super().setup()
        self.till.connections.add(self.request)

    def finish(self) -> None:
        """Forget the connection."""
        self.till.connections.discard(self.request)
        with suppress(OSError):  # cut by the test
            super().finish()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing: the test shows what matters."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the server's time, which a test may set."""
        return formatdate((timestamp or time.time()) + self.till.seconds_ahead, usegmt=True)

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if not path.startswith("/api/"):
            self._page(path)
            return
        body = json.loads(raw) if raw else None
        problem = self._wrong_with_proof(path) if path != "/api/v2/client/latest" else None
        self.till.calls.append(
            {
                "method": self.command,
                "path": path,
                "body": body,
                "headers": dict(self.headers),
                "problem": problem,
            }
        )
        if problem is not None:
            self._json(401, {"code": problem, "status": 401}, {})
            return
        waiting = self.till.answers.get(path)
        if waiting:
            ready = waiting.pop(0)
            self._json(*(ready() if callable(ready) else ready))
            return
        self._json(*self._usual(path, body or {}))

    def _usual(self, path: str, body: dict[str, Any]) -> Answer:
        till = self.till
        if till.dead_sessions and path != "/api/v2/login":
            return 401, {"code": "session_revoked", "reason": till.why_dead}, {}
        usual: dict[str, Callable[[], tuple[int, dict[str, Any]]]] = {
            "client/latest": lambda: (200, {"latest": "1.0.0", "minimum": "1.0.0"}),
            "login": lambda: (200, {**till.new_tokens(), **ACCOUNT, "device": _device(body)}),
            "token/refresh": lambda: (200, till.new_tokens()),
            "session": lambda: (200, {**ACCOUNT, "serverTime": "2026-11-27T04:54:00Z"}),
            "web-session": lambda: (200, {"url": till.one_time_address(), "expiresIn": 30}),
            "logout": lambda: (204, {}),
        }
        return (*usual[path.removeprefix("/api/v2/")](), {})

    def _wrong_with_proof(self, path: str) -> str | None:
        """Return the problem's code, None for a good proof (RFC 9449 section 4.3)."""
        try:
            proof = self.headers["DPoP"]
            header = jwt.get_unverified_header(proof)
            assert header["typ"] == "dpop+jwt"
            assert header["alg"] == "EdDSA"
            assert set(header["jwk"]) == {"kty", "crv", "x"}
            key = jwt.PyJWK(header["jwk"], algorithm="EdDSA").key
            claims = jwt.decode(
                proof, key, algorithms=["EdDSA"], options={"verify_iat": False, "require": ["iat", "jti"]}
            )
            assert claims["htm"] == self.command
            assert claims["htu"] == self.till.origin + path
            canonical = json.dumps(header["jwk"], sort_keys=True, separators=(",", ":"))
            assert self.headers["X-Device-Id"] == base64url(hashlib.sha256(canonical.encode()).digest())
            assert claims["jti"] not in self.till.proofs_seen, "a proof was sent twice"
            self.till.proofs_seen.add(claims["jti"])
            scheme, _, token = (self.headers["Authorization"] or "").partition(" ")
            if token:
                assert scheme == "DPoP"
                assert claims["ath"] == base64url(hashlib.sha256(token.encode()).digest())
        except (AssertionError, KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
            self.till.wrong_proofs.append(f"{self.command} {path}: {error!r}")
            return "invalid_dpop_proof"
        if claims.get("nonce") not in self.till.nonces:
            return "use_dpop_nonce"
        if abs(claims["iat"] - time.time() - self.till.seconds_ahead) > 300:
            return "clock_skew"
        return None

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        content = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("DPoP-Nonce", self.till.nonce)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _page(self, path: str) -> None:
        self.till.calls.append({"method": self.command, "path": path, "headers": dict(self.headers)})
        if path.startswith("/till/enter/"):
            self.send_response(303)
            self.send_header("Location", "/till/")
            self.send_header("Set-Cookie", f"till={path.split('/')[3]}; Path=/; HttpOnly; SameSite=Strict")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path in self.till.moved:
            self.send_response(302)
            self.send_header("Location", self.till.moved[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = self.till.pages.get(path, (404, page("没有这页")))
        status, text = found() if callable(found) else found
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", self.till.types.get(path, "text/html; charset=utf-8"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _device(body: dict[str, Any]) -> dict[str, Any]:
    return {"machineCode": body["machineCode"], "name": "2号台"}
