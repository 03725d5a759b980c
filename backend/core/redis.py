"""The Redis that keeps throttles, replay marks and revocations, where there is one."""

import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from backend.core import metrics

log = logging.getLogger(__name__)
LOST_SECONDS = 2.0  # how long nobody waits for it again


def redis() -> Redis | None:
    """Return the connection to the state Redis, or None where no `REDIS_URL` is set (development)."""
    return get_redis_connection("state") if settings.REDIS_URL else None


def run_script(server: Redis, text: str, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Run a Lua script by its digest and return what it returns; Redis is sent the text where it lacks it."""
    return _script(server, text)(keys=keys, args=args)


@lru_cache(maxsize=64)
def _script(server: Redis, text: str) -> Script:
    return server.register_script(text)


def reachable() -> Redis | None:
    """Return the connection, or None where there is none or it was lost a moment ago.

    Who was told `lost` waits no timeout of his own. After a while one call asks again, by a write: a full Redis, or one
    that may not write, answers every question and keeps nothing.
    """
    server = redis()
    if server is None or _lost.until == 0:
        return server
    if time.monotonic() < _lost.until or not _takes_writes(server):
        return None
    found()
    log.warning("redis answers again")
    return server


def lost() -> None:
    """Take it that Redis does not answer, or takes no writes, for the next moment."""
    _lost.until = time.monotonic() + LOST_SECONDS
    metrics.redis_errors.inc()
    metrics.redis_given_up.set(1)


def found() -> None:
    """Take it that Redis is there again."""
    _lost.until = 0
    metrics.redis_given_up.set(0)


def out_of_reach() -> bool:
    """Return whether a Redis is configured and does not take what it is given."""
    server = redis()
    return server is not None and not _takes_writes(server)


def _takes_writes(server: Redis) -> bool:
    try:
        server.set("alive", "1", ex=60)
    except RedisError:
        lost()
        return False
    return True


class _Lost:
    """Until when Redis counts as lost, in the seconds of `time.monotonic`; 0 while it does not."""

    until = 0.0


_lost = _Lost()
