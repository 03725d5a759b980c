"""Short codes that people read aloud, and hashes of secrets that are kept."""

import hashlib
import secrets

from bson import ObjectId

# Without 0/O, 1/I/L, U/V, 5/S, 2/Z and B/8: a code is read over the phone.
ALPHABET = "ACDEFGHJKMNPQRTWXY34679"


def reference() -> str:
    """Return a short reference like `K7Q-43M`, with which a manager finds a log row (about 1.5e8 of them)."""
    number, code = secrets.randbelow(len(ALPHABET) ** 6), ""
    for _ in range(6):
        number, digit = divmod(number, len(ALPHABET))
        code += ALPHABET[digit]
    return f"{code[:3]}-{code[3:]}"


def as_reference(text: str) -> str:
    """Return `text` written as references are, whatever was typed: `k7q43m` and `K7Q 43M` are `K7Q-43M`."""
    code = "".join(character for character in text.upper() if character.isalnum())
    return f"{code[:3]}-{code[3:]}"


def id_named(name: str) -> ObjectId:
    """Return the one id that belongs to `name`: whatever is inserted under it is inserted once."""
    return ObjectId(hashlib.sha256(name.encode()).digest()[:12])


def digest(secret: str) -> str:
    """Return the SHA-256 of a random secret of 128 bits or more, in hex: what is kept instead of it."""
    return hashlib.sha256(secret.encode()).hexdigest()
