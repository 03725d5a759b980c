"""Forget what Redis knows of sessions and accounts: after a restore it is of another past than the database."""

from redis.exceptions import RedisError

from backend.core.redis import redis

# Copies of sessions, who opened the screens, when they were proven, and who returns to which machine. Not: proofs and
# one-time marks, which stay spent, and tombstones, which stay.
OF_ANOTHER_PAST = ("live:*", "cookie:*", "proven:*", "returning:*")
AT_ONCE = 500


class RedisStillRemembers(Exception):
    """Redis is configured and does not answer: it may hold copies of sessions that would count again."""


def forget_sessions() -> int:
    """Delete them all and return how many there were. Raises RedisStillRemembers; may be repeated."""
    server = redis()
    if server is None:
        return 0
    forgotten = 0
    try:
        for pattern in OF_ANOTHER_PAST:
            batch: list[bytes] = []
            for key in server.scan_iter(match=pattern, count=AT_ONCE):
                batch.append(key)
                if len(batch) == AT_ONCE:
                    forgotten += server.unlink(*batch)
                    batch = []
            if batch:
                forgotten += server.unlink(*batch)
    except RedisError as error:
        raise RedisStillRemembers(str(error)) from error
    return forgotten
