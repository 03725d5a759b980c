"""DPoP proofs (RFC 9449): every request is signed anew with the device key."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import jwt

from shell_client.device.key import DeviceKey, base64url


def sign_proof(
    key: DeviceKey,
    *,
    method: str,
    url: str,
    issued_at: float,
    nonce: str | None,
    access_token: str | None = None,
) -> str:
    """Return the proof for one try of one request.

    `url` is without query and fragment; `issued_at` is server time in seconds; with an access token its
    hash (`ath`) binds the two.
    """
    claims: dict[str, Any] = {"htm": method, "htu": url, "iat": int(issued_at), "jti": uuid.uuid4().hex}
    if nonce is not None:
        claims["nonce"] = nonce
    if access_token is not None:
        claims["ath"] = base64url(hashlib.sha256(access_token.encode("ascii")).digest())
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"typ": "dpop+jwt", "jwk": key.jwk})
