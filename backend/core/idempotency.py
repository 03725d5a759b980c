"""Idempotency keys: a request that is sent twice is done once and answered alike.

The record `{_id, account, path, body, order, state, startedAt, worker, status, content, headers, createdAt}` in
`idempotencyKeys` is inserted before the use case runs. It holds the id that the use case gives to what it makes,
so a retry after a crash continues the same order instead of beginning another. Deleted by MongoDB after 24 h.

A retry takes over what was begun 30 s ago without an answer; at once where the worker that began it is known to have
ended, or has said that it does no more. Whoever is wrong about that does no harm: each step can be done twice.
"""

import hashlib
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError

from backend.core import clock, process
from backend.core.actor import Actor
from backend.core.api import django_request
from backend.core.mongo import collection
from backend.core.problems import Invalid, Problem, answer

log = logging.getLogger(__name__)
RUNNING, DONE = "running", "done"
KEPT = frozenset({409, 422})  # and every 2xx: what the rules decided
OPEN_AGAIN = frozenset(range(500, 600))  # something may have happened: the next try goes on with the same id
LONGEST_KEY = 200
DIED = datetime(1970, 1, 1, tzinfo=UTC)
Document = dict[str, Any]
View = Callable[..., HttpResponse]


class IdempotencyMismatch(Problem):
    """The key was used for another body."""

    status, code = 422, "idempotency_mismatch"
    title = _("This idempotency key belongs to another request")


class StillRunning(Problem):
    """The first request under this key has not answered yet."""

    status, code = 409, "still_running"
    title = _("The same request is still running")
    detail = _("Ask again in a second, with the same key.")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """What a use case gets: the id for what it makes, and whether a former try may have made it already."""

    order_id: ObjectId = field(default_factory=ObjectId)
    retry: bool = False


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One try under a stored key."""

    record: str
    started_at: datetime
    key: IdempotencyKey


def idempotent(view: View) -> View:
    """Decorate a method of a StaffAPIView, or a screen's view, that changes something.

    `request.idempotency_key` is an `IdempotencyKey`. A request without the header `Idempotency-Key` runs once,
    with a fresh id, and nothing is kept.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> HttpResponse:
        request = args[0] if hasattr(args[0], "META") else args[1]
        plain = django_request(request)
        sent = plain.headers.get("Idempotency-Key")
        if sent is None:
            _give(request, IdempotencyKey())
            return view(*args, **kwargs)
        run = _begin(plain, sent, now=clock.now())
        if isinstance(run, HttpResponse):
            return run
        _give(request, run.key)
        try:
            try:
                response = view(*args, **kwargs)
            except Problem as problem:
                response = answer(problem, plain)
            _finish(run, response)
        except Exception:
            _forget_start(run)
            raise
        return response

    return wrapper


def records() -> Collection[Document]:
    """Return the collection."""
    return collection("idempotencyKeys")


def _give(request: Any, key: IdempotencyKey) -> None:
    request.idempotency_key = django_request(request).idempotency_key = key  # type: ignore[attr-defined]


def _begin(request: HttpRequest, sent: str, *, now: datetime) -> _Run | HttpResponse:
    """Store the key, or return what was answered under it.

    Raises Invalid, IdempotencyMismatch, and StillRunning until the first try has had its 30 seconds or is over.
    """
    if not (1 <= len(sent) <= LONGEST_KEY and sent.isascii() and sent.isprintable()):
        raise Invalid({"Idempotency-Key": [_("1 to 200 printable ASCII characters.")]})
    actor: Actor = request.actor  # type: ignore[attr-defined]
    scope = "\n".join((str(actor.id), actor.device or "", request.method or "", request.path, sent))
    record = hashlib.sha256(scope.encode()).hexdigest()
    body = hashlib.sha256(request.body).hexdigest()
    _forget_what_was_left()
    run = _Run(record=record, started_at=now, key=IdempotencyKey())
    try:
        records().insert_one(
            {
                "_id": record,
                "account": actor.id,
                "path": request.path,
                "body": body,
                "order": run.key.order_id,
                "state": RUNNING,
                "startedAt": now,
                "worker": process.name(),
                "createdAt": now,
            }
        )
    except DuplicateKeyError:
        return _again(record, body, now=now)
    except PyMongoError:  # it may be there all the same, its answer lost
        _forget_start(run)
        raise
    return run


def _again(record: str, body: str, *, now: datetime) -> _Run | HttpResponse:
    kept = records().find_one({"_id": record})
    if kept is None:  # withdrawn at this moment: the former try changed nothing
        raise StillRunning
    if kept["body"] != body:
        raise IdempotencyMismatch
    if kept["state"] == DONE:
        return HttpResponse(bytes(kept["content"]), status=kept["status"], headers=kept["headers"])
    started = kept["startedAt"]
    patience = timedelta(seconds=settings.IDEMPOTENCY_TAKEOVER_SECONDS)
    if now - started < patience and not process.has_ended(kept.get("worker", "")):
        raise StillRunning
    taken_over = records().update_one(
        {"_id": record, "state": RUNNING, "startedAt": started},
        {"$set": {"startedAt": now, "worker": process.name()}},
    )
    if not taken_over.matched_count:
        raise StillRunning
    return _Run(record=record, started_at=now, key=IdempotencyKey(order_id=kept["order"], retry=True))


def _finish(run: _Run, response: HttpResponse) -> None:
    """Keep the answer, or let the key be used again where nothing was decided."""
    ours = {"_id": run.record, "state": RUNNING, "startedAt": run.started_at}
    status = response.status_code
    if 200 <= status < 300 or status in KEPT:
        headers = {name: value for name, value in response.items() if name == "Content-Type" or name.startswith("HX-")}
        kept = {"state": DONE, "status": status, "content": response.content, "headers": headers}
        records().update_one(ours, {"$set": kept})
    elif status in OPEN_AGAIN:
        _forget_start(run)
    else:
        records().delete_one(ours)


def _forget_start(run: _Run) -> None:
    """Let the next try take over at once: this one is dead, and may have got half way."""
    try:
        records().update_one(
            {"_id": run.record, "state": RUNNING, "startedAt": run.started_at}, {"$set": {"startedAt": DIED}}
        )
    except PyMongoError:
        log.warning("an idempotency key stays taken until the database is back")
        _left.append(run)


_left: deque[_Run] = deque(maxlen=1000)  # of this process; whoever is never forgotten is taken over after 30 s


def _forget_what_was_left() -> None:
    """Forget now what could not be while the database was away."""
    for _run in range(len(_left)):
        with suppress(IndexError):  # another thread was faster
            _forget_start(_left.popleft())
