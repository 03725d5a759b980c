"""Staff sessions: who may still act. MongoDB is the authority, Redis a copy that a tombstone overrules."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from bson import ObjectId
from django.conf import settings
from pymongo import ReturnDocument

from backend.accounts import replay
from backend.accounts.errors import SessionRevoked
from backend.accounts.roles import ROLES
from backend.audit.services import record_security
from backend.core.actor import Actor
from backend.core.mongo import collection

# A busy till writes its marks at most this often.
MARK_EVERY = timedelta(seconds=30)
SETTLED_AFTER = timedelta(seconds=10)
ACTIVE = "active"  # `account.status.code`
STANDS_BEHIND = ["account.status.code", "device.keyThumbprint", "role", "cinemas", "session"]
Document = dict[str, Any]
OpenWork = Callable[["LiveSession", datetime], bool]
_open_work: list[OpenWork] = []


class LiveSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session as the hot paths need it; ids as hex text, so that it travels as JSON."""

    id: str
    user: str
    phone: str
    name: str
    role: str
    cinemas: list[str]
    machine_code: str
    key: str
    device_name: str
    bound_at: datetime | None
    started_at: datetime
    active_at: datetime
    expires_at: datetime
    proven_at: datetime | None
    cookie: str | None
    address: str = ""
    screens_address: str = ""

    def actor(self, address: str) -> Actor:
        """Return the person and machine of this session. Roles come from here, never from a token's claims."""
        role = ROLES[self.role]
        return Actor(
            id=ObjectId(self.user),
            phone=self.phone,
            name=self.name,
            role=self.role,
            rank=role.rank,
            permissions=role.permissions,
            cinemas=tuple(ObjectId(cinema) for cinema in self.cinemas),
            session=ObjectId(self.id),
            machine_code=self.machine_code,
            device=self.key,
            till=self.device_name or None,
            address=address,
        )


def _live(document: Document) -> LiveSession:
    return LiveSession(
        id=str(document["_id"]),
        user=str(document["user"]),
        phone=document["phone"],
        name=document["name"],
        role=document["role"],
        cinemas=[str(cinema) for cinema in document["cinemas"]],
        machine_code=document["machineCode"],
        key=document["key"],
        device_name=document["deviceName"],
        bound_at=document.get("boundAt"),
        started_at=document["startedAt"],
        active_at=document["activeAt"],
        expires_at=document["expiresAt"],
        proven_at=document.get("provenAt"),
        cookie=(document.get("web") or {}).get("cookie"),
        address=document["address"],
        screens_address=(document.get("web") or {}).get("address", ""),
    )


def new_session(
    *, user: Document, device: Document, address: str, now: datetime, identifier: ObjectId | None = None
) -> Document:
    """Return the session document of a log-in; the log-in inserts it together with what belongs to it."""
    return {
        "_id": identifier or ObjectId(),
        "user": user["_id"],
        "phone": user["phone"],
        "name": user["name"],
        "role": user["role"],
        "cinemas": user["cinemas"],
        "machineCode": device["machineCode"],
        "key": device["keyThumbprint"],
        "deviceName": device["name"],
        "clientVersion": device["clientVersion"],
        "boundAt": device["boundAt"],
        "address": address,
        "startedAt": now,
        "activeAt": now,
        "provenAt": now,
        "expiresAt": now + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
        "endedAt": None,
        "endReason": "",
        "generation": 1,
        "rotatedAt": now,
        "rotationKey": None,
        "web": {},
    }


def waits_for(open_work: OpenWork) -> None:
    """Let a session whose day is over go on, ten minutes at most, while `open_work` says that something is open."""
    _open_work.append(open_work)


def over_because(session: LiveSession, now: datetime) -> str:
    """Return why a session that nobody ended is over all the same, or the empty string."""
    if now >= session.expires_at:
        last = session.expires_at + timedelta(seconds=settings.SESSION_GRACE_SECONDS)
        if now >= last or not any(is_open(session, now) for is_open in _open_work):
            return "expired"
    if now - session.active_at >= timedelta(seconds=settings.SESSION_IDLE_SECONDS):
        return "idle"
    return ""


def withdrawn_because(session: Document, account: Document | None) -> str:
    """Return why `account` no longer stands behind `session`, or the empty string.

    Whoever disables, unbinds or changes an account writes the account first and ends its sessions second. Where he
    is stopped between the two, the session is found out here: when it is next read, renewed or tidied.
    """
    if account is None:
        return "unknown"
    if account["account"]["status"]["code"] != ACTIVE:
        return "disabled"
    if (account.get("device") or {}).get("keyThumbprint") != session["key"]:
        return "unbound"
    if account["role"] != session["role"] or account["cinemas"] != session["cinemas"]:
        return "changed"
    return "" if account.get("session") == session["_id"] else "logged_in_elsewhere"


def checked(session: Document | None, now: datetime) -> LiveSession:
    """Return `session` where it may go on by its own word and its account's; raises SessionRevoked."""
    if session is None:
        raise SessionRevoked("unknown")
    if session["endedAt"] is not None:
        raise SessionRevoked(session["endReason"])
    account = collection("users").find_one({"_id": session["user"]}, STANDS_BEHIND)
    if reason := withdrawn_because(session, account):
        end(session["_id"], reason=reason, now=now)
        raise SessionRevoked(reason)
    live = _live(session)
    if reason := over_because(live, now):
        raise SessionRevoked(reason)
    return live


def _read(sid: ObjectId, now: datetime) -> LiveSession:
    session = checked(collection("staffSessions").find_one({"_id": sid}), now)
    replay.remember(sid, msgspec.to_builtins(session))
    return session


def proven(sid: ObjectId, *, spent: replay.Spent, address: str, now: datetime) -> LiveSession:
    """Return the live session behind a proven call, and note that it was proven, and from where.

    Raises SessionRevoked where it is over; a missing copy means asking MongoDB, never that it is valid.
    """
    if spent.ended:
        raise SessionRevoked(spent.ended)
    session = msgspec.convert(spent.session, LiveSession) if spent.session else None
    if session is None or over_because(session, now):
        session = _read(sid, now)
    if session.proven_at is None or now - session.proven_at >= MARK_EVERY:
        session = _mark(session, now, provenAt=now)
        if address != session.address:
            _note_address("session_at_second_address", session, address, began_at=session.address, now=now)
    return session


def _note_address(event: str, session: LiveSession, address: str, *, began_at: str, now: datetime) -> None:
    """Alert, once for each address, that a session is used from another than it began at."""
    new = {"_id": ObjectId(session.id), "addresses": {"$ne": f"{event} {address}"}}
    seen = {"$push": {"addresses": f"{event} {address}"}}
    if collection("staffSessions").update_one(new, seen).modified_count:
        whose = {"user": ObjectId(session.user), "phone": session.phone, "name": session.name}
        cinemas = [ObjectId(cinema) for cinema in session.cinemas]
        record_security(
            event,
            now=now,
            user={**whose, "cinemas": cinemas},
            machine_code=session.machine_code,
            key=session.key,
            reason=f"began at {began_at}",
            address=address,
        )


def _mark(session: LiveSession, now: datetime, **marks: datetime) -> LiveSession:
    """Write `marks` and keep the copy; where the session ended or changed hands meanwhile, read it anew.

    The account is asked too: so a copy whose revocation was stopped half way, or never reached Redis, lives until the
    next mark and not for as long as it is used.
    """
    sid = ObjectId(session.id)
    unchanged = {"_id": sid, "endedAt": None, "web.cookie": session.cookie}
    marked = collection("staffSessions").find_one_and_update(
        unchanged, {"$set": marks}, return_document=ReturnDocument.AFTER
    )
    if marked is None:
        replay.forget(sid)
        return _read(sid, now)
    session = checked(marked, now)
    replay.remember(sid, msgspec.to_builtins(session))
    return session


def of_screens(sid: ObjectId, *, cookie: str, now: datetime) -> LiveSession:
    """Return the live session behind a screen's cookie (its digest).

    Raises SessionRevoked where it is over, where another cookie took its place, or where the shell has not
    proven itself for three minutes: a cookie carried to another machine dies with that.
    """
    ended, copy, recently = replay.recall(sid)
    if ended:
        raise SessionRevoked(ended)
    session = msgspec.convert(copy, LiveSession) if copy else None
    if session is None or session.cookie != cookie or over_because(session, now):
        session = _read(sid, now)
    if session.cookie != cookie:
        raise SessionRevoked("unknown")
    limit = timedelta(seconds=settings.WEB_SESSION_PROOF_SECONDS)
    if not recently and (session.proven_at is None or now - session.proven_at >= limit):
        session = _read(sid, now)
        if session.proven_at is None or now - session.proven_at >= limit:
            raise SessionRevoked("unproven")
    return session


def mark_active(session: LiveSession, now: datetime) -> None:
    """Note that a person did something: a page load or a POST, not a heartbeat, refresh or poll.

    Raises SessionRevoked where the session ended meanwhile.
    """
    if now - session.active_at >= MARK_EVERY:
        _mark(session, now, activeAt=now)


def watch_screens(session: LiveSession, address: str, now: datetime) -> None:
    """Alert where the screens are used from another address than they were opened at: a cookie may have been carried.

    Not refused: a till may have two addresses, and the stranger's goes with the shell's next proof that stays away.
    """
    if session.screens_address and address != session.screens_address:
        _note_address("screens_at_second_address", session, address, began_at=session.screens_address, now=now)


def end(sid: ObjectId, *, reason: str, now: datetime) -> Document | None:
    """End one session: MongoDB first, then the tombstone. Return it, or None where it had ended before."""
    ended = collection("staffSessions").find_one({"_id": sid})
    if ended is None:
        return None
    result = collection("staffSessions").update_one(
        {"_id": sid, "endedAt": None}, {"$set": {"endedAt": now, "endReason": reason}}
    )
    replay.bury({sid: reason})
    return ended if result.modified_count else None


def end_withdrawn(user: ObjectId, *, now: datetime) -> None:
    """End the live sessions of an account that it no longer stands behind. May be repeated at any time."""
    account = collection("users").find_one({"_id": user}, STANDS_BEHIND)
    for session in collection("staffSessions").find({"user": user, "endedAt": None}):
        if reason := withdrawn_because(session, account):
            end(session["_id"], reason=reason, now=now)


def end_superseded(now: datetime) -> int:
    """End all but one of the live sessions of an account; return of how many accounts.

    A log-in writes the account and then the session, and ends the former by its id: where that one's own insert comes
    later, or never the end, it would stand as live in the record until somebody reads it.
    """
    begun = now - timedelta(seconds=settings.REFRESH_TOKEN_SECONDS + settings.SESSION_GRACE_SECONDS)
    written = now - SETTLED_AFTER  # a log-in that is still on its way is left alone
    live = collection("staffSessions").find({"startedAt": {"$gt": begun, "$lt": written}, "endedAt": None}, {"user": 1})
    several = [user for user, sessions in Counter(session["user"] for session in live).items() if sessions > 1]
    for user in several:
        end_withdrawn(user, now=now)
    return len(several)


def bury_again(now: datetime) -> int:
    """Write the tombstones of the last minutes' ended sessions again; return how many there are.

    For the process that was killed between MongoDB and Redis: as long as a copy may live, and a little longer.
    """
    started = now - timedelta(seconds=settings.REFRESH_TOKEN_SECONDS + settings.SESSION_GRACE_SECONDS)
    since = now - timedelta(seconds=settings.REVOCATION_CACHE_SECONDS) - MARK_EVERY
    ended = collection("staffSessions").find(
        {"startedAt": {"$gt": started}, "endedAt": {"$gt": since}}, {"endReason": 1}
    )
    reasons = {session["_id"]: session["endReason"] for session in ended}
    replay.bury(reasons)
    return len(reasons)
