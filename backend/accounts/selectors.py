"""Read accounts, bindings and sessions, as far as the caller's cinemas allow: the one place that narrows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.db.models import Model, QuerySet

from backend.accounts.models import DeviceBinding, User
from backend.accounts.roles import ROLES
from backend.core.actor import Actor


def actor_of(user: User, *, address: str | None = None) -> Actor:
    """Return the person behind a back-office session."""
    role = ROLES[user.role]
    return Actor(
        id=user.pk,  # type: ignore[arg-type]  # the stubs take every key for a number
        phone=user.phone,
        name=user.name,
        role=user.role,
        rank=role.rank,
        permissions=role.permissions if user.is_active else frozenset(),
        cinemas=tuple(user.cinemas),
        address=address,
    )


def within(cinemas: Iterable[ObjectId]) -> dict[str, Any]:
    """Return the MongoDB filter for people who work in one of `cinemas`; empty means all.

    Whoever works elsewhere too is seen here and there; `services.managing` lets only a manager of all his cinemas
    change him.
    """
    wanted = list(cinemas)
    return {"cinemas": {"$in": wanted}} if wanted else {}


def in_state(state: str, *, now: datetime) -> dict[str, Any]:
    """Return the MongoDB filter for bindings that read `state` at `now`: what waited too long has lapsed."""
    if state == DeviceBinding.State.PENDING:
        return {"state": state, "expiresAt": {"$gt": now}}
    if state == DeviceBinding.State.LAPSED:
        return {"state": DeviceBinding.State.PENDING.value, "expiresAt": {"$lte": now}}
    return {"state": state}


def people_within(queryset: QuerySet[Model], cinemas: Iterable[ObjectId]) -> QuerySet[Model]:
    """Return `queryset` (of accounts, bindings or sessions) narrowed like `within`."""
    wanted = list(cinemas)
    return queryset.filter(cinemas__overlap=wanted) if wanted else queryset
