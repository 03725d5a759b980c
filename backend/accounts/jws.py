"""Read a compact JWS (RFC 7515) that carries its own key, as a device proof does.

PyNaCl checks Ed25519, in half of OpenSSL's time, and PyJWT ES256. PyJWT's reader is not used: it takes every proof
apart twice and loads the key each time, which costs more than the signature itself, and a till sends the same
header with every call.
"""

import base64
import binascii
import hashlib
import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from backend.accounts.errors import InvalidProof

PARTS = 3  # header, payload, signature
SEGMENT = re.compile(r"[A-Za-z0-9_-]+\Z")
ES256 = ECAlgorithm(ECAlgorithm.SHA256)


class Signer(NamedTuple):
    """Who signs with this header: the public key, and its RFC 7638 thumbprint."""

    key: VerifyKey | EllipticCurvePublicKey
    thumbprint: str

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Return whether `signature` is this key's for `message`."""
        if not isinstance(self.key, VerifyKey):
            return ES256.verify(message, self.key, signature)
        try:
            self.key.verify(message, signature)
        except (BadSignatureError, ValueError):  # ValueError: not 64 bytes
            return False
        return True


def b64(data: bytes) -> str:
    """Return `data` as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def verified(text: str, *, kind: str) -> tuple[Signer, dict[str, Any]]:
    """Return signer and payload of the JWS `text`, whose `typ` is `kind` and whose signature holds.

    Raises InvalidProof, naming the part that is wrong.
    """
    parts = text.split(".")
    if len(parts) != PARTS:
        raise InvalidProof("not a JWT")
    header, payload, signature = parts
    signer = _signer(header, kind)
    if not signer.signed(f"{header}.{payload}".encode(), _decoded(signature)):
        raise InvalidProof("signature")
    return signer, _object(payload)


def _decoded(segment: str) -> bytes:
    if not SEGMENT.match(segment):
        raise InvalidProof("not a JWT")
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise InvalidProof("not a JWT") from None


def _object(segment: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(_decoded(segment))
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise InvalidProof("not a JWT") from None
    if not isinstance(value, dict):
        raise InvalidProof("not a JWT")
    return value


@lru_cache(maxsize=4096)
def _signer(segment: str, kind: str) -> Signer:
    """Return who signs with this header. What is refused is not kept."""
    header = _object(segment)
    jwk = header.get("jwk")
    # `crit` names what a reader must understand (RFC 7515 section 4.1.11), and this one knows nothing of it.
    if header.get("typ") != kind or "crit" in header or not isinstance(jwk, dict) or "d" in jwk or "k" in jwk:
        raise InvalidProof("header")
    try:
        match header.get("alg"), jwk.get("kty"), jwk.get("crv"):
            case "EdDSA", "OKP", "Ed25519":
                return _ed25519(jwk)
            case "ES256", "EC", "P-256":
                return _p256(jwk)
    except (jwt.InvalidKeyError, ValueError, KeyError, TypeError, UnsupportedAlgorithm):
        pass
    raise InvalidProof("jwk")


# A thumbprint is made from the key itself, never from the text that came: base64 has several spellings of one key.


def _ed25519(jwk: dict[str, Any]) -> Signer:
    raw = _decoded(jwk["x"])
    return Signer(VerifyKey(raw), _thumbprint(crv="Ed25519", kty="OKP", x=b64(raw)))


def _p256(jwk: dict[str, Any]) -> Signer:
    key = ES256.from_jwk(jwk)
    if not isinstance(key, EllipticCurvePublicKey):
        raise InvalidProof("jwk")
    own = ES256.to_jwk(key, as_dict=True)
    return Signer(key, _thumbprint(crv="P-256", kty="EC", x=own["x"], y=own["y"]))


def _thumbprint(**members: str) -> str:
    """Return the RFC 7638 thumbprint of the required `members`, which come in the order of the alphabet."""
    return b64(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())
