"""Access and refresh tokens: signed and read by simplejwt, bound to the device's key (`cnf.jkt`)."""

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
import msgspec
from bson import ObjectId
from django.conf import settings
from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from backend.accounts.errors import InvalidToken

ALGORITHM = "HS256"


class PreparedSecret(HMACAlgorithm):
    """HS256 that looks once at a secret whether it is one: PyJWT tries with each token to read it as a certificate."""

    @lru_cache(maxsize=8)  # noqa: B019 - there is one of it
    def prepare_key(self, key: str | bytes) -> bytes:
        """Return the secret as bytes; raises InvalidKeyError where it is an asymmetric key."""
        return super().prepare_key(key)


SIGNER = PyJWS(algorithms=[])
SIGNER.register_algorithm(ALGORITHM, PreparedSecret(HMACAlgorithm.SHA256))


@lru_cache(maxsize=8)
def key_id(secret: str) -> str:
    """Return the `kid` of a signing secret: says which one, gives nothing of it away."""
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:8]


class KeyedTokenBackend(TokenBackend):
    """Signs with the current secret and reads with the one that `kid` names, so that secrets can be changed."""

    def encode(self, payload: dict[str, Any]) -> str:
        """Return the signed token."""
        secret = settings.JWT_SECRET_KEY
        return SIGNER.encode(msgspec.json.encode(payload), secret, algorithm=ALGORITHM, headers={"kid": key_id(secret)})

    def get_verifying_key(self, token: Any) -> str:
        """Return the secret that signed `token`."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TokenBackendError("Token is invalid") from error
        for secret in (settings.JWT_SECRET_KEY, settings.JWT_SECRET_KEY_PREVIOUS):
            if secret and kid == key_id(secret):
                return secret
        raise TokenBackendError("Token is signed by no key of ours")

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """Return the payload of a token that is ours and has not run out; raises TokenBackendError.

        When it was issued is not compared with the clock: a token of ours that is from the future was signed while our
        clock was ahead, and the till that has it did nothing wrong.
        """
        try:
            return jwt.decode(
                token,
                self.get_verifying_key(token),
                algorithms=[ALGORITHM],
                options={"verify_iat": False, "verify_aud": False, "verify_signature": verify},
            )
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("Token is invalid or has run out") from error


BACKEND = KeyedTokenBackend(ALGORITHM, signing_key="chosen by kid")


class StaffAccessToken(AccessToken):
    """Ten minutes of a staff session, for one device key."""

    _token_backend = BACKEND
    lifetime = timedelta(seconds=settings.ACCESS_TOKEN_SECONDS)


class StaffRefreshToken(RefreshToken):
    """The right to one next pair of tokens; `gen` counts the pairs of a session."""

    _token_backend = BACKEND
    lifetime = timedelta(seconds=settings.REFRESH_TOKEN_SECONDS)
    access_token_class = StaffAccessToken


def issue_pair(*, session: ObjectId, key: str, generation: int, at: datetime, ends: datetime) -> dict[str, Any]:
    """Return the token members of an answer. The same arguments give the same pair, which a retry needs.

    No token outlives its session, which `ends` then, or a little later while an order is open.
    """
    issued, last = int(at.timestamp()), int(ends.timestamp()) + settings.SESSION_GRACE_SECONDS

    def token(name: str, kind: type[StaffAccessToken] | type[StaffRefreshToken]) -> str:
        return BACKEND.encode(
            {
                "token_type": kind.token_type,
                "iat": issued,
                "exp": min(issued + int(kind.lifetime.total_seconds()), last),
                "jti": hashlib.sha256(f"{name}|{session}|{generation}".encode()).hexdigest()[:32],
                "sid": str(session),
                "cnf": {"jkt": key},
                "gen": generation,
            }
        )

    return {
        "accessToken": token("accessToken", StaffAccessToken),
        "refreshToken": token("refreshToken", StaffRefreshToken),
        "tokenType": "DPoP",
        "expiresIn": settings.ACCESS_TOKEN_SECONDS,
    }


def _read(kind: type[StaffAccessToken] | type[StaffRefreshToken], text: str) -> dict[str, Any]:
    try:
        payload = kind(text).payload  # type: ignore[arg-type]  # the stubs want a Token here
    except (TokenError, TokenBackendError, ValueError, RecursionError):
        raise InvalidToken from None
    if not ObjectId.is_valid(str(payload.get("sid"))) or not isinstance(payload.get("cnf"), dict):
        raise InvalidToken
    return dict(payload)


def read_access(text: str, *, now: datetime) -> dict[str, Any]:
    """Return the claims of an access token; raises InvalidToken where it is forged or has run out."""
    claims = _signed_access(text, settings.JWT_SECRET_KEY, settings.JWT_SECRET_KEY_PREVIOUS)
    if claims["exp"] <= now.timestamp():
        raise InvalidToken
    return claims


@lru_cache(maxsize=4096)
def _signed_access(text: str, *_secrets: str) -> dict[str, Any]:
    """Return the claims of an access token whose signature holds: a till sends the same one for ten minutes."""
    return _read(StaffAccessToken, text)


def read_refresh(text: str) -> dict[str, Any]:
    """Return the claims of a refresh token; raises InvalidToken where it is forged or has run out."""
    return _read(StaffRefreshToken, text)


def random_secret() -> str:
    """Return 256 random bits for a one-time address or a cookie."""
    return secrets.token_urlsafe(32)
