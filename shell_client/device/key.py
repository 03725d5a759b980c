"""The device key: an Ed25519 key made on this machine, whose public half is what an account is bound to."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED_BYTES = 32


@dataclass(frozen=True)
class DeviceKey:
    """A private key and what the server knows it by."""

    private: Ed25519PrivateKey

    @classmethod
    def make(cls) -> DeviceKey:
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_text(cls, text: str) -> DeviceKey:
        """Return the key that `to_text` wrote; raises ValueError where the text is damaged."""
        seed = base64.b64decode(text.strip(), validate=True)
        if len(seed) != _SEED_BYTES:
            raise ValueError("a device key has 32 bytes")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def to_text(self) -> str:
        """Return the key as 44 characters of base64: short enough for every key store."""
        return base64.b64encode(self.private.private_bytes_raw()).decode("ascii")

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 8037)."""
        return {"crv": "Ed25519", "kty": "OKP", "x": base64url(self.private.public_key().public_bytes_raw())}

    @cached_property
    def thumbprint(self) -> str:
        """The public key's thumbprint (RFC 7638), by which the server knows this machine."""
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return base64url(hashlib.sha256(canonical.encode()).digest())


def base64url(data: bytes) -> str:
    """Return base64url without padding, as all of JOSE has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
