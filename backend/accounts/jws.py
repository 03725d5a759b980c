"""Read a compact JWS (RFC 7515) that carries its own key, as a device proof does.

PyJWT does the signatures and the keys. Its reader is not used: it takes every proof apart twice and loads the key
each time, which costs more than the signature itself, and a till sends the same header with every call.
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
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from backend.accounts.errors import InvalidProof

PARTS = 3  # header, payload, signature
SEGMENT = re.compile(r"[A-Za-z0-9_-]+\Z")
# What a public key of each kind consists of; RFC 7638 hashes exactly these members.
KEY_MEMBERS = {"EdDSA": ("OKP", "Ed25519", ("crv", "kty", "x")), "ES256": ("EC", "P-256", ("crv", "kty", "x", "y"))}
ALGORITHMS: dict[str, Any] = {"EdDSA": OKPAlgorithm(), "ES256": ECAlgorithm(ECAlgorithm.SHA256)}


class Signer(NamedTuple):
    """Who signs with this header: the algorithm, the public key, and its RFC 7638 thumbprint."""

    algorithm: str
    key: Ed25519PublicKey | EllipticCurvePublicKey
    thumbprint: str


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
    if not ALGORITHMS[signer.algorithm].verify(f"{header}.{payload}".encode(), signer.key, _decoded(signature)):
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
    algorithm, jwk = header.get("alg"), header.get("jwk")
    if not isinstance(algorithm, str) or algorithm not in KEY_MEMBERS or not isinstance(jwk, dict):
        raise InvalidProof("header")
    # `crit` names what a reader must understand (RFC 7515 section 4.1.11), and this one knows nothing of it.
    if header.get("typ") != kind or "crit" in header:
        raise InvalidProof("header")
    key = _public_key(algorithm, jwk)
    # From the key itself, never from the text that came: base64 has several spellings of one key.
    own = ALGORITHMS[algorithm].to_jwk(key, as_dict=True)
    canonical = json.dumps({name: own[name] for name in KEY_MEMBERS[algorithm][2]}, separators=(",", ":"))
    return Signer(algorithm, key, b64(hashlib.sha256(canonical.encode()).digest()))


def _public_key(algorithm: str, jwk: dict[str, Any]) -> Ed25519PublicKey | EllipticCurvePublicKey:
    kind, curve, _members = KEY_MEMBERS[algorithm]
    if jwk.get("kty") != kind or jwk.get("crv") != curve or "d" in jwk or "k" in jwk:
        raise InvalidProof("jwk")
    try:
        key = ALGORITHMS[algorithm].from_jwk(jwk)
    except (jwt.InvalidKeyError, ValueError, KeyError, TypeError, UnsupportedAlgorithm):
        raise InvalidProof("jwk") from None
    if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey):
        raise InvalidProof("jwk")
    return key
