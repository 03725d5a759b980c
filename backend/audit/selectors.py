"""Read the logs, as far as the caller's cinemas allow."""

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from django.db.models import Model, Q, QuerySet


def cinemas_filter(cinemas: Iterable[ObjectId]) -> dict[str, Any]:
    """Return the MongoDB filter for rows about people of `cinemas`; empty means all, as everywhere.

    A row about nobody known (a refused stranger) belongs to everyone who may read logs; a row about a person
    of all cinemas belongs to those of all cinemas.
    """
    wanted = list(cinemas)
    return {"$or": [{"cinemas": {"$in": wanted}}, {"user": None}]} if wanted else {}


def in_cinemas(queryset: QuerySet[Model], cinemas: Iterable[ObjectId]) -> QuerySet[Model]:
    """Return `queryset` narrowed like `cinemas_filter`."""
    wanted = list(cinemas)
    if not wanted:
        return queryset
    clauses = Q(cinemas__overlap=wanted)
    if hasattr(queryset.model, "user"):
        clauses |= Q(user=None)
    return queryset.filter(clauses)
