"""Checks before production serves: a database of demo accounts, whose password is printed, is refused."""

import logging
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from pymongo.errors import PyMongoError

from backend.ops.demo.load import is_marked

log = logging.getLogger(__name__)
REFUSAL = "This database is marked as demo data: production needs one of its own (MONGO_URI, MONGO_DB)."


@register(Tags.security, deploy=True)
def no_demo_data(**_: Any) -> list[CheckMessage]:
    """Refuse a marked database (`check --deploy`)."""
    if settings.ENVIRONMENT == "prod" and is_marked():
        return [Critical(REFUSAL, id="ops.C001")]
    return []


def refuse_demo_data() -> None:
    """Stop the start of production on a marked database; raises ImproperlyConfigured.

    A database that is out of reach stops no start: `/readyz` says so until it is back. The connection is closed
    again, since gunicorn may fork after this and a client does not survive that.
    """
    if settings.ENVIRONMENT != "prod":
        return
    try:
        marked = is_marked()
    except (PyMongoError, DatabaseError):
        log.warning("the database is out of reach: not checked for demo data")
        return
    finally:
        connection.close_pool()  # type: ignore[attr-defined]  # the backend's own
    if marked:
        raise ImproperlyConfigured(REFUSAL)
