"""Spend a proof once, and say in the same breath what is known of its session.

Redis keeps the used proofs and the sessions' state; where it is out of reach, or none is configured, MongoDB
keeps the proofs (a unique `_id` that expires) and the session is read from its authority.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from bson import ObjectId
from django.conf import settings
from pymongo.errors import DuplicateKeyError
from redis import Redis
from redis.exceptions import RedisError

from backend.accounts import returning, tombstones
from backend.accounts.dpop import Proof, nonce_holds
from backend.accounts.errors import InvalidProof, UseNonce
from backend.accounts.returning import Returning
from backend.core import throttles
from backend.core.mongo import collection
from backend.core.redis import lost, reachable, run_script
from backend.core.throttles import TAKE_FUNCTION, Bucket

log = logging.getLogger(__name__)
LAG_SECONDS = 3600  # longer than any worker lags between reading a session and keeping its copy
IN_MONGODB = "without-redis"  # the run of all processes whose Redis is lost
IN_DOUBT = b"?"  # in a tombstone's place: MongoDB is asked

RUN_OF_REDIS = "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')"
# Each of these begins with the proof. KEYS: proof, ...; ARGV: run id, seconds a proof is kept, ...
SPEND = (
    RUN_OF_REDIS
    + """
if run ~= ARGV[1] then return {'other_run', run} end
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[2]) then return {'replayed', run} end
"""
)
SPEND_ALONE = SPEND + "return {'fresh', run, ''}"
# ... tombstone, proven mark; ... seconds a mark is kept, session.
SPEND_IN_SESSION = (
    SPEND
    + """
local ended = redis.call('GET', KEYS[2])
if ended and ended ~= '?' then return {'ended', run, ended} end
redis.call('SET', KEYS[3], '1', 'EX', ARGV[3])
return {'fresh', run, not ended and redis.call('GET', 'live:' .. run .. ':' .. ARGV[4]) or ''}
"""
)
# ... budget, what is known of the account here; ... rate, burst, the session about to begin, seconds of doubt.
# The account's last session is in doubt from here on: no copy of it counts, and none is kept.
SPEND_AND_ENTER = (
    TAKE_FUNCTION
    + SPEND
    + """
local wait = take(KEYS[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
local known = redis.call('HMGET', KEYS[3], 'session', 'account')
if wait ~= '0' or not known[1] then return {'fresh', run, wait} end
local ended = redis.call('GET', 'ended:' .. known[1])
if not ended or ended == '?' then redis.call('SET', 'ended:' .. known[1], '?', 'EX', ARGV[6]) end
redis.call('HSET', KEYS[3], 'session', ARGV[5])
return {'fresh', run, wait, known[1], known[2] or ''}
"""
)
# KEYS: tombstone, proven mark; ARGV: session. The copy is this run's own: what an earlier one kept counts no more.
RECALL = (
    RUN_OF_REDIS
    + """
return {redis.call('GET', KEYS[1]), redis.call('GET', 'live:' .. run .. ':' .. ARGV[1]), redis.call('GET', KEYS[2])}
"""
)
# KEYS: entry, tombstone, the screens' newest cookie; ARGV: entry, seconds, the entry's cookie.
# A tombstone is never written over, and no copy that was read before the screens were opened anew counts after it.
REMEMBER = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local cookie = redis.call('GET', KEYS[3])
if cookie and cookie ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


@dataclass(frozen=True)
class Spent:
    """What Redis knew when the proof was spent: why the session ended, or a copy of it, or neither."""

    ended: str = ""
    session: dict[str, Any] | None = None


class _Run:
    """Who keeps the proofs of a nonce: a run of Redis by its id, MongoDB, or (without any Redis) this process."""

    def __init__(self) -> None:
        self.own = f"process-{secrets.token_hex(8)}"
        self.of_redis = ""

    def current(self) -> str:
        """Return the run to sign nonces with, asking Redis where it is not known."""
        if not settings.REDIS_URL:
            return self.own
        if not self.of_redis:
            try:
                if (server := reachable()) is not None:
                    self.of_redis = server.info("server")["run_id"]
            except RedisError:
                lost()
        return self.of_redis or IN_MONGODB

    def forget(self, error: RedisError) -> None:
        """Take it that Redis is lost, for a while."""
        log.warning("redis is out of reach (%s): MongoDB takes its place", type(error).__name__)
        self.of_redis = ""
        lost()


RUN = _Run()


def spend(proof: Proof, *, now: datetime) -> None:
    """Use up `proof`.

    Raises UseNonce where the nonce is not of this run or too old, InvalidProof where the proof was used before.
    """
    _spend(SPEND_ALONE, proof, keys=[], args=[], now=now)


def spend_in_session(proof: Proof, session: ObjectId, *, now: datetime) -> Spent:
    """Use up `proof` and return what Redis knows of `session`; raises like `spend`."""
    keys, args = [f"ended:{session}", f"proven:{session}"], [settings.WEB_SESSION_PROOF_SECONDS, str(session)]
    match _spend(SPEND_IN_SESSION, proof, keys=keys, args=args, now=now):
        case [b"ended", reason]:
            return Spent(ended=reason.decode())
        case [b"fresh", copy] if copy:
            return Spent(session=msgspec.json.decode(copy))
    return Spent()


def spend_and_enter(
    proof: Proof, budget: str, bucket: Bucket, *, phone: str, session: ObjectId, now: datetime
) -> tuple[float, Returning | None]:
    """Use up `proof` and take one from `budget`; return 0, or the seconds to wait, and who returns here, if known.

    Where somebody is known, `session` is held to be the one that begins, and no copy of the former counts any more.
    A proof that is refused takes nothing, so whoever sends one again cannot spend its owner's budget. Raises like
    `spend`.
    """
    keys = [throttles.redis_key(budget), returning.redis_key(phone, proof.key)]
    args = [bucket.rate, bucket.burst, str(session), LAG_SECONDS]
    match _spend(SPEND_AND_ENTER, proof, keys=keys, args=args, now=now):
        case None:
            return throttles.take(budget, bucket), None
        case [_fresh, wait, former, account]:
            return float(wait), returning.read(former, account)
        case [_fresh, wait, *_nobody]:
            return float(wait), None
    raise AssertionError("the script answers one of these")


def _spend(script: str, proof: Proof, *, keys: list[str], args: list[Any], now: datetime) -> list[bytes] | None:
    """Return what `script` said after the proof, or None where MongoDB keeps it.

    Its nonce says who keeps a proof, and every process holds to that: so none is spent once here and once there,
    whichever of them has lost its Redis.
    """
    if not settings.REDIS_URL:
        if not nonce_holds(proof.nonce, RUN.own):
            raise UseNonce
        _spend_in_mongodb(proof, now)
        return None
    if not nonce_holds(proof.nonce, RUN.of_redis) and nonce_holds(proof.nonce, IN_MONGODB):
        _spend_in_mongodb(proof, now)
        return None
    server = reachable()
    if server is None:
        RUN.of_redis = ""
        raise UseNonce
    try:
        return _spend_in_redis(server, script, proof, keys, args)
    except RedisError as error:
        RUN.forget(error)
        raise UseNonce from None


def _proof_id(proof: Proof) -> str:
    return f"{proof.key}:{hashlib.sha256(proof.jti.encode()).hexdigest()[:32]}"


def _spend_in_redis(server: Redis, script: str, proof: Proof, keys: list[str], args: list[Any]) -> list[bytes]:
    run = RUN.current()
    if not nonce_holds(proof.nonce, run):
        # Redis may have restarted since this worker last asked: look once, then judge.
        RUN.of_redis = ""
        run = RUN.current()
        if not nonce_holds(proof.nonce, run):
            raise UseNonce
    outcome, current, *more = run_script(
        server, script, keys=[f"proof:{_proof_id(proof)}", *keys], args=[run, settings.NONCE_SECONDS + 10, *args]
    )
    match outcome:
        case b"other_run":
            RUN.of_redis = current.decode()
            raise UseNonce
        case b"replayed":
            raise InvalidProof("replayed")
    return [outcome, *more]


def _spend_in_mongodb(proof: Proof, now: datetime) -> None:
    expires = now + timedelta(seconds=settings.NONCE_SECONDS + 10)
    try:
        collection("dpopReplays").insert_one({"_id": _proof_id(proof), "expiresAt": expires})
    except DuplicateKeyError:
        raise InvalidProof("replayed") from None


def remember(session: ObjectId, copy: dict[str, Any]) -> None:
    """Keep a copy of a live session in Redis for a minute at most; a tombstone is never written over."""
    server = reachable()
    if server is None or not RUN.of_redis:
        return
    try:
        run_script(
            server,
            REMEMBER,
            keys=[f"live:{RUN.of_redis}:{session}", f"ended:{session}", f"cookie:{session}"],
            args=[msgspec.json.encode(copy), settings.REVOCATION_CACHE_SECONDS, copy.get("cookie") or ""],
        )
    except RedisError as error:
        RUN.forget(error)


def bury(sessions: dict[ObjectId, str]) -> None:
    """Put a tombstone for each session (id to reason) into Redis, after MongoDB has it."""
    if not settings.REDIS_URL or not sessions:
        return
    try:
        if (server := reachable()) is not None:
            tombstones.write(server, sessions)
            return
    except RedisError as error:
        RUN.forget(error)
    log.warning("%d revocation(s) are owed to redis", len(sessions))
    tombstones.DEBTS.add(sessions)


def expect_no_more(user: dict[str, Any]) -> None:
    """Forget what was kept for the next log-in of `user` on this machine: a name and a phone that nobody needs there.

    Where Redis is away it goes by itself within a week; MongoDB lets no such log-in in meanwhile.
    """
    server = reachable()
    if server is None:
        return
    try:
        server.delete(returning.redis_key(user["phone"], user["device"]["keyThumbprint"]))
    except RedisError as error:
        RUN.forget(error)


def expect(user: dict[str, Any], *, session: ObjectId) -> None:
    """Let the next log-in of `user` on this machine find it without MongoDB; `session` is the one that it has now."""
    server = reachable()
    if server is None:
        return
    try:
        returning.write(server, user, session=session)
    except RedisError as error:
        RUN.forget(error)


def recall(session: ObjectId) -> tuple[str, dict[str, Any] | None, bool]:
    """Return for a screen's request why `session` ended, its copy, and whether it was proven of late."""
    server = reachable()
    if server is None:
        return "", None, False
    try:
        keys = [f"ended:{session}", f"proven:{session}"]
        ended, copy, proven = run_script(server, RECALL, keys=keys, args=[str(session)])
    except RedisError as error:
        RUN.forget(error)
        return "", None, False
    if ended == IN_DOUBT:
        return "", None, bool(proven)
    return (ended or b"").decode(), msgspec.json.decode(copy) if copy else None, bool(proven)


def replace_cookie(session: ObjectId, cookie: str) -> None:
    """Let copies with another cookie (digest) of the screens count no more, not even those that are on their way."""
    server = reachable()
    if server is None:
        return
    try:
        server.set(f"cookie:{session}", cookie, ex=LAG_SECONDS)
        server.delete(f"live:{RUN.current()}:{session}")
    except RedisError as error:
        RUN.forget(error)


def forget(session: ObjectId) -> None:
    """Drop the copy of a session that changed in MongoDB; the next request reads it anew."""
    server = reachable()
    if server is None:
        return
    try:
        server.delete(f"live:{RUN.current()}:{session}")
    except RedisError as error:
        RUN.forget(error)
