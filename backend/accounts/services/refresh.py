"""Exchange a refresh token for the next pair, once; a copy of it that is used again ends the session."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from pymongo.errors import DuplicateKeyError

from backend.accounts import figures, replay
from backend.accounts.dpop import Proof
from backend.accounts.errors import InvalidToken, SessionRevoked
from backend.accounts.sessions import checked, end
from backend.accounts.tokens import issue_pair, read_refresh
from backend.audit.services import security_log
from backend.core.ids import digest, id_named
from backend.core.mongo import collection

Document = dict[str, Any]


def refresh(*, token: str, proof: Proof, idempotency_key: str | None, address: str, now: datetime) -> Document:
    """Return the next pair of tokens.

    The same token, device key and `Idempotency-Key` within two minutes give the same pair: a lost answer must
    not throw a till out in the middle of a sale. Any other reuse by this key revokes the session; with another
    key it is refused and logged, and revokes nothing, or whoever sees a token could end a session with it.

    Raises InvalidToken and SessionRevoked.
    """
    claims = read_refresh(token)
    sid, generation = ObjectId(claims["sid"]), claims["gen"]
    replay.spend(proof, now=now)
    if claims["cnf"].get("jkt") != proof.key:
        figures.misused_tokens.labels("other_key").inc()
        _note("refresh_with_other_key", sid, proof, address, now)
        raise InvalidToken
    rotation_key = digest(idempotency_key) if idempotency_key else None
    sessions = collection("staffSessions")
    idle_limit = now - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    rotated = sessions.update_one(
        {
            "_id": sid,
            "key": proof.key,
            "generation": generation,
            "endedAt": None,
            "expiresAt": {"$gt": now - timedelta(seconds=settings.SESSION_GRACE_SECONDS)},
            "activeAt": {"$gt": idle_limit},
        },
        {"$set": {"generation": generation + 1, "rotatedAt": now, "rotationKey": rotation_key, "provenAt": now}},
    )
    session = sessions.find_one({"_id": sid})
    if session is None:
        raise SessionRevoked("unknown")
    if rotated.modified_count or _is_retry(session, generation, rotation_key, now):
        checked(session, now)
        return issue_pair(
            session=sid, key=proof.key, generation=generation + 1, at=session["rotatedAt"], ends=session["expiresAt"]
        )
    raise SessionRevoked(_why_not(session, generation, proof, address, now))


def _is_retry(session: Document, generation: int, rotation_key: str | None, now: datetime) -> bool:
    return (
        rotation_key is not None
        and session["endedAt"] is None
        and session["generation"] == generation + 1
        and session["rotationKey"] == rotation_key
        and now - session["rotatedAt"] <= timedelta(seconds=settings.REFRESH_RETRY_SECONDS)
    )


def _why_not(session: Document, generation: int, proof: Proof, address: str, now: datetime) -> str:
    if session["endedAt"] is not None:
        return str(session["endReason"])
    if session["generation"] == generation:
        return "expired" if session["expiresAt"] <= now else "idle"
    figures.misused_tokens.labels("reused").inc()
    end(session["_id"], reason="refresh_reused", now=now)
    _note("refresh_reused", session["_id"], proof, address, now)
    return "refresh_reused"


def _note(event: str, sid: ObjectId, proof: Proof, address: str, now: datetime) -> None:
    """Log `event`, once a session and key: whoever holds one copied token cannot fill the log with it."""
    session = collection("staffSessions").find_one({"_id": sid}) or {}
    machine = session.get("machineCode", "")
    row = security_log(event, now=now, user=session, machine_code=machine, key=proof.key, address=address)
    identifier = id_named(f"{event}|{sid}|{proof.key}")
    with suppress(DuplicateKeyError):
        collection("securityLogs").insert_one({"_id": identifier, **row})
