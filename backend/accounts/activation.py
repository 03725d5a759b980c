"""Activation codes: eight characters that bind one machine once, kept as a keyed hash alone.

There are 23^8 = 7.8e10 codes and five tries, so guessing succeeds once in 1.6e10 codes. The hash is keyed with a
secret of the server: a copy of the database does not give the codes away.
"""

import hmac
import secrets
import unicodedata
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.conf import settings

from backend.audit.words import Reason
from backend.core.ids import ALPHABET
from backend.core.mongo import collection

LENGTH = 8
MOST_TRIES = 5
NONE_KEPT = {"digest": "", "expiresAt": datetime.fromtimestamp(0, UTC), "tries": 0}
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
    """Return why the code `typed` does not bind, counting it, or None where it does.

    The right one is not counted here: the update that binds by it requires fewer than five wrong ones, as this
    count does, so that of however many tries at once the database judges five. An unknown phone costs the same
    commands as a known one.
    """
    if not (typed or "").strip():
        return Reason.CODE_MISSING
    kept: Document = (user or {"account": {}})["account"].get("activationCode") or NONE_KEPT
    identifier = user["_id"] if user else ObjectId()
    if kept["tries"] < MOST_TRIES and kept["expiresAt"] > now and _is_right(str(typed), kept, identifier):
        return None
    counted = collection("users").update_one(
        {"_id": identifier, **still_good(kept)}, {"$inc": {"account.activationCode.tries": 1}}
    )
    if kept["expiresAt"] <= now:
        return Reason.CODE_EXPIRED
    return Reason.CODE_WRONG if counted.matched_count else Reason.CODE_DEAD


def still_good(kept: Document) -> Document:
    """Return the condition that an account still has this code, and fewer than five wrong tries."""
    return {
        "account.activationCode.digest": kept["digest"],
        "account.activationCode.tries": {"$lt": MOST_TRIES},
    }


def _is_right(typed: str, kept: Document, user: ObjectId) -> bool:
    secrets_known = [str(each) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return any(hmac.compare_digest(digest(typed, user=user, secret=secret), kept["digest"]) for secret in secrets_known)
