"""The client of `/api/v2/`: blocking calls, each try freshly signed; the UI runs them in the background."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

import requests

from shell_client import __version__
from shell_client.api.answers import Pending, StaffSession
from shell_client.api.clock import ServerClock
from shell_client.api.errors import ApiError, LoginExpired, Refused, ServerUnreachable
from shell_client.api.proofs import sign_proof
from shell_client.device.key import DeviceKey
from shell_client.device.machine import system_name

log = logging.getLogger(__name__)

__all__ = ["Pending", "StaffClient", "StaffSession"]

CONNECT_SECONDS, READ_SECONDS = 4, 10
TRIES = 3
FIRST_PAUSE_SECONDS = 0.4
RENEW_BEFORE_SECONDS = 150
"""Early enough that a lost answer can be asked for again within the two minutes that the server keeps it."""
_CHALLENGES = frozenset({"use_dpop_nonce", "clock_skew"})


@dataclass
class _Tokens:
    """In memory only. `renewal` is the key of a renewal under way: it dies with the token that it renews."""

    access: str
    refresh: str
    expires_at: float
    renewal: str | None = None


class StaffClient:
    """One machine's connection to the server and, from log-in to log-out, one person's session."""

    def __init__(self, *, base_url: str, key: DeviceKey, language: str, clock: ServerClock | None = None) -> None:
        self.base_url = base_url
        self.thumbprint = key.thumbprint
        self.clock = clock or ServerClock()
        self._key = key
        self._nonce: str | None = None
        self._tokens: _Tokens | None = None
        self._stopping = threading.Event()
        self._http = requests.Session()
        # Not from the environment: a .netrc would replace our Authorization, a proxy is not part of a till.
        self._http.trust_env = False
        self._http.headers.update(
            {
                "Accept": "application/json",
                "Accept-Language": language,
                "User-Agent": f"cinema-till/{__version__}",
                "X-Device-Id": key.thumbprint,
            }
        )

    def look(self) -> None:
        """See that the server answers, which also brings its time and a nonce; raises ServerUnreachable."""
        try:
            self._call("GET", "/api/v2/client/latest", tries=1, signed=False)
        except Refused as refused:
            if refused.passes and refused.status != 429:
                raise ServerUnreachable(str(refused)) from refused

    def log_in(
        self, *, phone: str, machine_code: str, device_name: str, activation_code: str | None = None
    ) -> StaffSession | Pending:
        """Log in on this machine. Raises Refused with the server's code, or ServerUnreachable."""
        device = {"name": device_name, "os": system_name(), "clientVersion": __version__}
        body: dict[str, Any] = {"phone": phone, "machineCode": machine_code, "device": device}
        if activation_code:
            body["activationCode"] = activation_code
        status, answer = self._call("POST", "/api/v2/login", body=body)
        if status == 202:
            retry_after = answer.get("retryAfter")
            return Pending(str(answer.get("reference", "")), retry_after if isinstance(retry_after, int) else 15)
        self._keep(answer)
        return _session_of(answer)

    def check(self) -> None:
        """Ask whether the session still holds. Raises Refused, LoginExpired or ServerUnreachable."""
        self._authorised("GET", "/api/v2/session", tries=1)

    def web_address(self) -> str:
        """Return a one-time address of the ticket screens. Raises as `check` does."""
        answer = self._authorised("POST", "/api/v2/web-session")
        address = answer.get("url")
        if not isinstance(address, str):
            raise ServerUnreachable("no address in the answer")
        return address

    def log_out(self) -> None:
        """End the session; tokens are forgotten whatever the server says."""
        tokens, self._tokens = self._tokens, None
        if tokens is None:
            return
        try:
            self._call("POST", "/api/v2/logout", token=tokens.access, tries=1, timeout=(2, 3))
        except ApiError as error:
            log.info("log-out was not confirmed: %s", error)  # the session ends by itself without its heartbeat

    def forget(self) -> None:
        """Drop the tokens of a session that the server has ended."""
        self._tokens = None

    def stop(self) -> None:
        """Let no call pause or try again from now on: the program ends."""
        self._stopping.set()

    def _authorised(self, method: str, path: str, *, tries: int = TRIES) -> dict[str, Any]:
        if self._tokens is None:
            raise LoginExpired
        if self.clock.now() > self._tokens.expires_at - RENEW_BEFORE_SECONDS:
            self._renew()
        try:
            return self._call(method, path, token=self._tokens.access, tries=tries)[1]
        except Refused as refused:
            if refused.status != 401 or refused.ends_session:
                raise
        self._renew()  # the server no longer takes this token, whatever our clock says
        return self._call(method, path, token=self._tokens.access, tries=tries)[1]

    def _renew(self) -> None:
        tokens = self._tokens
        if tokens is None:
            raise LoginExpired
        tokens.renewal = tokens.renewal or uuid.uuid4().hex  # before it is sent
        headers = {"Idempotency-Key": tokens.renewal}
        try:
            _, answer = self._call(
                "POST", "/api/v2/token/refresh", body={"refreshToken": tokens.refresh}, headers=headers
            )
        except Refused as refused:
            if refused.code == "invalid_token":
                raise LoginExpired from refused
            raise
        self._keep(answer)

    def _keep(self, answer: dict[str, Any]) -> None:
        access, refresh, seconds = (answer.get(name) for name in ("accessToken", "refreshToken", "expiresIn"))
        if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(seconds, int)):
            raise ServerUnreachable("no tokens in the answer")
        self._tokens = _Tokens(access=access, refresh=refresh, expires_at=self.clock.now() + seconds)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        tries: int = TRIES,
        timeout: tuple[float, float] | None = None,
        signed: bool = True,
    ) -> tuple[int, dict[str, Any]]:
        """Return status and body of a 2xx answer; raises Refused or, after all tries, ServerUnreachable.

        A challenge (a fresh nonce, our clock) is answered at once with a new proof and costs no try.
        """
        challenges = 2
        tried = 0
        while True:
            try:
                response = self._send(
                    method, path, body=body, token=token, headers=headers, timeout=timeout, signed=signed
                )
                return response.status_code, _body_of(response)
            except Refused as refused:
                if refused.code in _CHALLENGES and challenges:
                    challenges -= 1
                    continue
                failure: ApiError = refused
                if not refused.passes or refused.status == 429:
                    raise
            except ServerUnreachable as unreachable:
                failure = unreachable
            tried += 1
            if tried >= tries or self._paused(tried):
                log.warning("%s %s: %s", method, path, failure)
                raise ServerUnreachable(str(failure)) from failure

    def _paused(self, tried: int) -> bool:
        """Wait before the next try, a little differently on every till; true when the program ends."""
        pause = FIRST_PAUSE_SECONDS * 2 ** (tried - 1)
        return self._stopping.wait(pause * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load, hides nothing

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None,
        token: str | None,
        headers: dict[str, str] | None,
        timeout: tuple[float, float] | None,
        signed: bool,
    ) -> requests.Response:
        url = self.base_url + path
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"DPoP {token}"
        if signed:
            sent["DPoP"] = sign_proof(
                self._key,
                method=method,
                url=url,
                issued_at=self.clock.now(),
                nonce=self._nonce,
                access_token=token,
            )
        started = time.monotonic()
        try:
            response = self._http.request(
                method,
                url,
                json=body,
                headers=sent,
                timeout=timeout or (CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise ServerUnreachable(type(error).__name__) from error
        log.debug("%s %s: %d in %.0f ms", method, path, response.status_code, (time.monotonic() - started) * 1000)
        self._nonce = response.headers.get("DPoP-Nonce", self._nonce)
        self.clock.learn(response.headers.get("Date"))
        if response.status_code >= 400:
            raise _refusal(response)
        if response.status_code >= 300:
            raise ServerUnreachable(f"sent elsewhere by {response.status_code}")
        return response


def _refusal(response: requests.Response) -> Refused:
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = {}  # a proxy's own page
    wait = response.headers.get("Retry-After", "")
    return Refused(
        response.status_code,
        body if isinstance(body, dict) else {},
        retry_after=int(wait) if wait.isdigit() else None,
    )


def _body_of(response: requests.Response) -> dict[str, Any]:
    if response.status_code == 204:
        return {}
    try:
        body = response.json()
    except requests.JSONDecodeError as error:
        raise ServerUnreachable("the answer is not JSON") from error
    if not isinstance(body, dict):
        raise ServerUnreachable("the answer is not an object")
    return body


def _session_of(answer: dict[str, Any]) -> StaffSession:
    user = _part(answer, "user")
    till = _part(answer, "device").get("name")
    return StaffSession(
        name=str(user.get("name", "")),
        phone=str(user.get("phone", "")),
        till=str(till) if till else None,
    )


def _part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    part = answer.get(name)
    return part if isinstance(part, dict) else {}
