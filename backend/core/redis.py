"""The Redis that keeps throttles, replay marks and revocations, where there is one."""

from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis


def redis() -> Redis | None:
    """Return the connection to the state Redis, or None where no `REDIS_URL` is set (development)."""
    return get_redis_connection("state") if settings.REDIS_URL else None
