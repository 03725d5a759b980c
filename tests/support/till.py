"""A till as the API sees it: a machine with a key of its own that logs in, proves every call and sells."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CLIENT_VERSION = "1.0.0"


class Answer(Protocol):
    """What Django's test client and `requests` both answer with."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the decoded body."""


Send = Callable[[str, str, bytes | None, dict[str, str]], Answer]
"""Send (method, path with query, body, headers) to the server."""


def encoded(data: bytes) -> str:
    """Return base64url without padding, as JOSE writes bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class DeviceKey:
    """An Ed25519 key of one machine, as the shell keeps it."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        self.jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encoded(self._private.public_key().public_bytes_raw()),
        }
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))  # RFC 7638
        self.thumbprint = encoded(hashlib.sha256(canonical.encode()).digest())

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a DPoP proof of `claims`; `header` replaces members of the proof's header."""
        return jwt.encode(
            dict(claims),
            self._private,
            algorithm="EdDSA",
            headers={"typ": "dpop+jwt", "jwk": self.jwk, **header},
        )


class Till:
    """One person at one machine.

    Args:
        send: how a request reaches the server.
        origin: the public origin that proofs name, `http://testserver`.
        phone: whose account it is.
        key: the machine's key; a new machine without one.
        machine_code: the machine's name; a random one without it.
    """

    def __init__(
        self,
        send: Send,
        *,
        origin: str,
        phone: str,
        key: DeviceKey | None = None,
        machine_code: str | None = None,
    ) -> None:
        self.send = send
        self.origin = origin
        self.phone = phone
        self.key = key or DeviceKey()
        self.machine_code = machine_code or uuid.uuid4().hex.upper()
        self.nonce: str | None = None
        self.access_token: str | None = None
        self.refresh_token: str | None = None

    # --- proofs and requests ----------------------------------------------------------------------
    def claims(self, method: str, path: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of a right proof; `changes` replace claims, None leaves one out."""
        claims = {
            "htm": method,
            "htu": self.origin + path.partition("?")[0],
            "iat": int(time.time()),
            "jti": uuid.uuid4().hex,
            "nonce": self.nonce,
            "ath": encoded(hashlib.sha256(self.access_token.encode()).digest()) if self.access_token else None,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def proof(self, method: str, path: str, **changes: Any) -> str:
        """Return a fresh proof for one request."""
        return self.key.sign(self.claims(method, path, **changes))

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Send one proven request; a request that only lacked the current nonce is proven and sent again."""
        answer = self._once(method, path, body, headers, idempotency_key)
        if answer.status_code == 401 and answer.json().get("code") == "use_dpop_nonce":
            answer = self._once(method, path, body, headers, idempotency_key)
        return answer

    def get(self, path: str, **kwargs: Any) -> Answer:
        """GET `path`."""
        return self.request("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        """POST `body` to `path`, each call with an idempotency key of its own unless one is given."""
        kwargs.setdefault("idempotency_key", uuid.uuid4().hex)
        return self.request("POST", path, body, **kwargs)

    def patch(self, path: str, body: Any, **kwargs: Any) -> Answer:
        """PATCH `path` with `body`, each call with an idempotency key of its own unless one is given."""
        kwargs.setdefault("idempotency_key", uuid.uuid4().hex)
        return self.request("PATCH", path, body, **kwargs)

    def put(self, path: str, body: Any, **kwargs: Any) -> Answer:
        """PUT `body` at `path`."""
        return self.request("PUT", path, body, **kwargs)

    def _once(
        self,
        method: str,
        path: str,
        body: Any,
        headers: Mapping[str, str] | None,
        idempotency_key: str | None,
    ) -> Answer:
        sent = {"X-Device-Id": self.key.thumbprint, "DPoP": self.proof(method, path)}
        if self.access_token:
            sent["Authorization"] = f"DPoP {self.access_token}"
        if idempotency_key:
            sent["Idempotency-Key"] = idempotency_key
        content = None if body is None else json.dumps(body).encode()
        answer = self.send(method, path, content, {**sent, **(headers or {})})
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        return answer

    # --- the session ------------------------------------------------------------------------------
    def try_log_in(self, **changes: Any) -> Answer:
        """Ask for a session and keep what is given; `changes` replace members of the body."""
        self.access_token = None
        body = {
            "phone": self.phone,
            "machineCode": self.machine_code,
            "device": {"name": "TILL-1", "os": "Windows 10", "clientVersion": CLIENT_VERSION},
            **changes,
        }
        answer = self.request("POST", "/api/v2/login", body)
        if answer.status_code == 200:
            self.keep(answer.json())
        return answer

    def log_in(self, **changes: Any) -> "Till":
        """Log in, or fail the test with what the server said."""
        answer = self.try_log_in(**changes)
        assert answer.status_code == 200, answer.content
        return self

    def refresh(self, **kwargs: Any) -> Answer:
        """Change the pair of tokens for a new one; the call itself carries no access token."""
        self.access_token = None
        answer = self.post("/api/v2/token/refresh", {"refreshToken": self.refresh_token}, **kwargs)
        if answer.status_code == 200:
            self.keep(answer.json())
        return answer

    def log_out(self) -> Answer:
        """End the session."""
        return self.post("/api/v2/logout")

    def keep(self, pair: Mapping[str, Any]) -> None:
        """Use this pair of tokens from now on."""
        self.access_token, self.refresh_token = pair["accessToken"], pair["refreshToken"]

    # --- selling ----------------------------------------------------------------------------------
    def try_hold(self, showtime: object, *seats: str, ticket_type: str = "adult", **kwargs: Any) -> Answer:
        """Ask for an order of `seats`."""
        return self.post("/api/v2/orders", order_for(showtime, seats, ticket_type=ticket_type), **kwargs)

    def hold(self, showtime: object, *seats: str, **kwargs: Any) -> dict[str, Any]:
        """Hold `seats` and return the order, or fail the test with what the server said."""
        answer = self.try_hold(showtime, *seats, **kwargs)
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def try_pay(self, order: Mapping[str, Any], *, tendered: str | None = None, **kwargs: Any) -> Answer:
        """Ask to pay `order` in cash, to the fen unless `tendered` says otherwise."""
        body = {"method": "cash", "tendered": tendered or order["total"]}
        return self.post(f"/api/v2/orders/{order['id']}/pay", body, **kwargs)

    def pay(self, order: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Pay `order` in cash and return it, or fail the test with what the server said."""
        answer = self.try_pay(order, **kwargs)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def sell(self, showtime: object, *seats: str) -> dict[str, Any]:
        """Hold `seats`, pay them, and return the order."""
        return self.pay(self.hold(showtime, *seats))

    def seat_states(self, showtime: object, *seats: str) -> list[str]:
        """Return the states of `seats` as this till sees them."""
        answer = self.get(f"/api/v2/showtimes/{identifier(showtime)}/seat-map")
        assert answer.status_code == 200, answer.content
        states = {seat["seat"]: seat["state"] for seat in answer.json()["seats"]}
        return [states[seat] for seat in seats]


def order_for(showtime: object, seats: Iterable[str], *, ticket_type: str = "adult") -> dict[str, Any]:
    """Return the body that asks for `seats`."""
    return {
        "showtime": identifier(showtime),
        "seats": [{"seat": seat, "ticketType": ticket_type} for seat in seats],
    }


def identifier(thing: object) -> str:
    """Return the id of a document, a model or an id itself, as the API writes it."""
    if isinstance(thing, Mapping):
        return str(thing.get("_id", thing.get("id")))
    return str(getattr(thing, "pk", thing))
