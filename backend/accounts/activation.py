"""Activation codes: eight characters that bind one machine once, kept as a keyed hash alone.

There are 23^8 = 7.8e10 codes and five tries, so guessing succeeds once in 1.6e10 codes. The hash is keyed with a
secret of the server: a copy of the database does not give the codes away.
"""

import hmac
import secrets
import unicodedata
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.conf import settings

from backend.audit.words import Reason
from backend.core.ids import ALPHABET
from backend.core.mongo import collection

LENGTH = 8
MOST_TRIES = 5
Document = dict[str, Any]


def new_code() -> str:
    """Return a new code as people read it, like `K7Q4-3MXT`."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{code[:4]}-{code[4:]}"


def digest(code: str, *, user: ObjectId, secret: str = "") -> str:
    """Return the keyed hash of `code` (in any case, with spaces and dashes or without) for one account."""
    plain = "".join(each for each in unicodedata.normalize("NFKC", code).upper() if each.isalnum())
    message = f"activation-code|{user}|{plain}".encode()
    return hmac.digest((secret or settings.SECRET_KEY).encode(), message, "sha256").hex()


def reason_against(user: Document | None, typed: str | None, *, now: datetime) -> Reason | None:
    """Count a try with the code `typed`, and return why it does not bind, or None where it does.

    It is counted before it is judged, by a conditional update: however many tries arrive at once, five are judged.
    An unknown phone costs the same commands as a known one.
    """
    if not (typed or "").strip():
        return Reason.CODE_MISSING
    kept: Document = (user or {"account": {}})["account"].get("activationCode") or {"digest": "", "expiresAt": now}
    identifier = user["_id"] if user else ObjectId()
    counted = collection("users").update_one(
        {
            "_id": identifier,
            "account.activationCode.digest": kept["digest"],
            "account.activationCode.tries": {"$lt": MOST_TRIES},
        },
        {"$inc": {"account.activationCode.tries": 1}},
    )
    if kept["expiresAt"] <= now:
        return Reason.CODE_EXPIRED
    if not counted.matched_count:
        return Reason.CODE_DEAD
    known = [str(each) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    right = [hmac.compare_digest(digest(str(typed), user=identifier, secret=each), kept["digest"]) for each in known]
    return None if any(right) else Reason.CODE_WRONG
