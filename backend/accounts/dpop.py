"""Device proofs: DPoP (RFC 9449) with a nonce on every answer, so that a log-in is one request."""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest

from backend.accounts.errors import ClockSkew, InvalidProof, UseNonce
from backend.accounts.jws import b64, verified
from backend.core import clock
from backend.core.http import public_origin

MAXIMUM_PROOF = 4096
LATEST_TIME = 1e11  # seconds since 1970, in the year 5138
JTI = re.compile(r"[\x21-\x7e]{8,128}\Z")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Proof:
    """A proof whose signature and claims hold. `key` is the RFC 7638 thumbprint; `jti` is not yet spent."""

    key: str
    jti: str
    nonce: str


@lru_cache(maxsize=1024)
def normalised_uri(uri: str) -> str:
    """Return `uri` without query and fragment, normalised after RFC 3986 section 6.2."""
    parts = urlsplit(uri)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    netloc = host if port in {None, DEFAULT_PORTS.get(scheme)} else f"{host}:{port}"

    # The server sees paths decoded: so both are, and then encoded in one way.
    path = quote(unquote(parts.path)) or "/"
    return urlunsplit((scheme, netloc, path, "", ""))


def verify(request: HttpRequest, *, access_token: str | None = None, now: datetime) -> Proof:
    """Return the proof of `request`, all checks of RFC 9449 section 4.3 but nonce and replay.

    Raises InvalidProof or ClockSkew. The nonce is judged by `replay.spend`, which knows this run of Redis.
    """
    text = request.META.get("HTTP_DPOP", "")
    if not text:
        raise InvalidProof("missing")
    if len(text) > MAXIMUM_PROOF or "," in text:  # WSGI joins repeated headers with a comma
        raise InvalidProof("one proof only")
    signer, claims = verified(text, kind="dpop+jwt")
    _check_claims(claims, request, access_token, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str):
        raise UseNonce
    return Proof(key=signer.thumbprint, jti=claims["jti"], nonce=nonce)


def _check_claims(claims: dict[str, Any], request: HttpRequest, access_token: str | None, now: datetime) -> None:
    htm, htu, iat, jti = (claims.get(name) for name in ("htm", "htu", "iat", "jti"))
    if htm != request.method:
        raise InvalidProof("htm")
    if not isinstance(jti, str) or not JTI.match(jti):
        raise InvalidProof("jti")
    try:
        same_address = normalised_uri(str(htu)) == normalised_uri(public_origin(request) + request.path)
    except ValueError:
        same_address = False
    if not same_address:
        raise InvalidProof("htu")
    # JSON readers take NaN, infinity and numbers beyond any float: no time is any of these.
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not abs(iat) < LATEST_TIME:
        raise InvalidProof("iat")
    if abs(now.timestamp() - iat) > settings.CLOCK_SKEW_SECONDS:
        raise ClockSkew(serverTime=clock.iso(now))
    if access_token is not None:
        expected = b64(hashlib.sha256(access_token.encode()).digest())
        if not hmac.compare_digest(str(claims.get("ath", "")).encode("ascii", "replace"), expected.encode()):
            raise InvalidProof("ath")


@lru_cache(maxsize=1024)  # a nonce's second is shared by many calls, and each judges its own twice
def _mac(secret: str, stamp: str, run: str) -> str:
    return b64(hmac.digest(secret.encode(), f"{stamp}|{run}".encode(), "sha256")[:18])


def issue_nonce(run: str) -> str:
    """Return a fresh nonce: its time, and an HMAC over it and the `run` of what remembers used proofs."""
    stamp = f"{int(time.time()):x}"
    return f"{stamp}.{_mac(settings.NONCE_SECRET_KEY, stamp, run)}"


def nonce_holds(nonce: str, run: str) -> bool:
    """Return whether `nonce` is one of ours, of this `run`, and not older than five minutes."""
    stamp, _dot, mac = nonce.partition(".")
    try:
        age = datetime.now(UTC).timestamp() - int(stamp, 16)
    except (ValueError, OverflowError):
        return False
    if not -5 <= age <= settings.NONCE_SECONDS:
        return False
    secrets = [settings.NONCE_SECRET_KEY, settings.NONCE_SECRET_KEY_PREVIOUS]
    return any(
        hmac.compare_digest(_mac(secret, stamp, run).encode(), mac.encode("ascii", "replace"))
        for secret in secrets
        if secret
    )
