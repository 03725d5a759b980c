"""The Redis that keeps throttles, replay marks and revocations, where there is one."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError


def redis() -> Redis | None:
    """Return the connection to the state Redis, or None where no `REDIS_URL` is set (development)."""
    return get_redis_connection("state") if settings.REDIS_URL else None


def run_script(server: Redis, text: str, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Run a Lua script by its digest and return what it returns; Redis is sent the text where it lacks it."""
    return _script(server, text)(keys=keys, args=args)


@lru_cache(maxsize=64)
def _script(server: Redis, text: str) -> Script:
    return server.register_script(text)


def out_of_reach() -> bool:
    """Return whether a Redis is configured and does not answer."""
    server = redis()
    if server is None:
        return False
    try:
        server.ping()
    except RedisError:
        return True
    return False
