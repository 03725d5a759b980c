"""The Redis that keeps throttles, replay marks and revocations, where there is one."""

from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import RedisError


def redis() -> Redis | None:
    """Return the connection to the state Redis, or None where no `REDIS_URL` is set (development)."""
    return get_redis_connection("state") if settings.REDIS_URL else None


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
