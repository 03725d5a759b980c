"""Health: whether the process lives, and whether it can serve."""

import pymongo
from django.core.cache import caches
from django.db import DatabaseError
from django.http import HttpResponse, JsonResponse
from django_redis.exceptions import ConnectionInterrupted
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from backend.core import serving
from backend.core.mongo import client
from backend.core.redis import out_of_reach

PATIENCE_SECONDS = 2  # a probe gives up sooner than a sale
NO_STORE = {"Cache-Control": "no-store"}


def alive() -> HttpResponse:
    """Answer that the process runs. It touches nothing, so an outage elsewhere restarts no container."""
    return JsonResponse({"status": "ok"}, headers=NO_STORE)


def ready() -> HttpResponse:
    """Answer 503 without MongoDB, and 200 with `degraded` naming Redis where it is configured and gone.

    `status` says where the service is in maintenance.
    """
    try:
        with pymongo.timeout(PATIENCE_SECONDS):
            client().admin.command("ping")
            maintenance = serving.current().maintenance is not None
    except (PyMongoError, DatabaseError):
        return JsonResponse({"status": "unavailable", "failed": ["mongodb"]}, status=503, headers=NO_STORE)
    degraded = []
    try:
        caches["default"].get("readyz")
        gone = out_of_reach()
    except (RedisError, ConnectionInterrupted):
        gone = True
    if gone:
        degraded.append("redis")
    # Ready all the same: taken out of the proxy's list, it could not tell anybody.
    status = "maintenance" if maintenance else "ok"
    return JsonResponse({"status": status, "degraded": degraded}, headers=NO_STORE)
