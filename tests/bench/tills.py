"""Tills as cheap as can be: keys made from the phone, requests signed beforehand and sent on a bare socket."""

import base64
import hashlib
import json
import os
import socket
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TIMEOUT_SECONDS = 30
CLIENT_VERSION = "1.0.0"


def b64(data: bytes) -> bytes:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def compact(value: Any) -> bytes:
    """Return `value` as JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Server:
    """Where requests go, and what they must say to be taken for the public origin's."""

    port: int
    public_origin: str
    headers: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The public origin's `Host`."""
        return self.public_origin.partition("://")[2]


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass
class BenchTill:
    """One account on its machine. The key follows from the phone, so that any process can play any till."""

    phone: str
    server: Server
    nonce: str = ""
    access_token: str = ""

    @property
    def machine_code(self) -> str:
        """The machine's name."""
        return hashlib.md5(self.phone.encode()).hexdigest().upper()  # noqa: S324 - a name, not a secret

    @cached_property
    def private_key(self) -> Ed25519PrivateKey:
        """The machine's key."""
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.phone.encode()).digest())

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key."""
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(self.private_key.public_key().public_bytes_raw()).decode()}

    @cached_property
    def thumbprint(self) -> str:
        """RFC 7638; the members of `jwk` stand in the order that it wants."""
        return b64(hashlib.sha256(compact(self.jwk)).digest()).decode()

    @cached_property
    def _header(self) -> bytes:
        return b64(compact({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk}))

    def proof(self, method: str, path: str) -> str:
        """Return a fresh proof."""
        claims = {
            "htm": method,
            "htu": self.server.public_origin + path,
            "iat": int(time.time()),
            "jti": os.urandom(12).hex(),
            "nonce": self.nonce,
        }
        if self.access_token:
            claims["ath"] = b64(hashlib.sha256(self.access_token.encode()).digest()).decode()
        signed = self._header + b"." + b64(compact(claims))
        return (signed + b"." + b64(self.private_key.sign(signed))).decode()

    def signed_request(self, method: str, path: str, body: Any = None, *more: str, idempotency_key: str = "") -> bytes:
        """Return a whole HTTP request with a fresh proof; `more` are further lines of its head."""
        lines = [f"DPoP: {self.proof(method, path)}", f"X-Device-Id: {self.thumbprint}", *more]
        if self.access_token:
            lines.append(f"Authorization: DPoP {self.access_token}")
        if idempotency_key:
            lines.append(f"Idempotency-Key: {idempotency_key}")
        return request(self.server, method, path, body, *lines)

    def login_body(self) -> dict[str, Any]:
        """Return the body of a log-in."""
        return {
            "phone": self.phone,
            "machineCode": self.machine_code,
            "device": {"name": "TILL", "os": "Windows 10", "clientVersion": CLIENT_VERSION},
        }

    def send(self, method: str, path: str, body: Any = None, *, idempotency_key: str = "") -> Answer:
        """Sign, send, and keep the nonce of the answer."""
        answer = exchange(self.server, self.signed_request(method, path, body, idempotency_key=idempotency_key))
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)
        return answer

    def log_in(self) -> None:
        """Log in and keep the token; raises RuntimeError with the answer where that is refused."""
        self.access_token = ""
        self.nonce = fresh_nonce(self.server)
        answer = self.send("POST", "/api/v2/login", self.login_body())
        if answer.status != 200:
            raise RuntimeError(f"log-in answered {answer.status}: {answer.body.decode()}")
        self.access_token = answer.json()["accessToken"]


def request(server: Server, method: str, path: str, body: Any = None, *lines: str) -> bytes:
    """Return a whole HTTP/1.1 request for one connection."""
    content = b"" if body is None else compact(body)
    head = [f"{method} {path} HTTP/1.1", f"Host: {server.host}", "Connection: close", *server.headers, *lines]
    if content:
        head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


def raw_exchange(server: Server, sent: bytes) -> bytes:
    """Send a request on a connection of its own and return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(sent)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def exchange(server: Server, sent: bytes) -> Answer:
    """Send a request and return the answer."""
    return as_answer(raw_exchange(server, sent))


def as_answer(raw: bytes) -> Answer:
    """Return an answer as it came, taken apart."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


def fresh_nonce(server: Server) -> str:
    """Fetch a nonce, as a till does before its first log-in."""
    return exchange(server, request(server, "GET", "/api/v2/client/latest")).headers["dpop-nonce"]
