"""Hand a staff session to the shell's web view by a one-time address, and take it there as a cookie."""

from datetime import datetime, timedelta

from bson import ObjectId
from django.conf import settings

from backend.accounts import replay
from backend.accounts.errors import SessionRevoked
from backend.accounts.tokens import random_secret
from backend.core.ids import digest
from backend.core.mongo import collection


def issue_code(session: ObjectId, *, now: datetime) -> str:
    """Return a one-time code for the screens, good for 30 seconds; a new one voids the former."""
    code = random_secret()
    until = now + timedelta(seconds=settings.WEB_SESSION_CODE_SECONDS)
    changed = collection("staffSessions").update_one(
        {"_id": session, "endedAt": None}, {"$set": {"web.code": digest(code), "web.codeUntil": until}}
    )
    if not changed.matched_count:
        raise SessionRevoked("revoked")
    return code


def redeem_code(code: str, *, address: str, now: datetime) -> str:
    """Spend `code` and return the value of the cookie, `session.secret`; the former cookie ends.

    Raises SessionRevoked where the code is unknown, was used, or is too old.
    """
    sessions = collection("staffSessions")
    found = sessions.find_one({"web.code": digest(code)}, {"_id": 1})
    secret = random_secret()
    spent = found and sessions.update_one(
        {"_id": found["_id"], "web.code": digest(code), "web.codeUntil": {"$gt": now}, "endedAt": None},
        {"$set": {"web": {"cookie": digest(secret), "openedAt": now, "address": address}, "activeAt": now}},
    )
    if not found or not spent or not spent.modified_count:
        raise SessionRevoked("unknown")
    replay.replace_cookie(found["_id"], digest(secret))
    return f"{found['_id']}.{secret}"
