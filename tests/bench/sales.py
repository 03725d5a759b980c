"""Rows of selling: what HTTP adds to the bare writes, and a rush on one showtime against a hundred."""

import multiprocessing
import random
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bson import ObjectId
from pymongo import MongoClient

from tests.bench.kept import kept_open
from tests.bench.load import PROCESSES, in_processes, in_threads
from tests.bench.report import UNDER, Row, compared
from tests.bench.stage import DATABASE, WORKERS, Stage
from tests.bench.tills import BenchTill, as_answer, fresh_nonce
from tests.support.workers import gunicorn

ROWS, SEATS_PER_ROW = 20, 30  # 600 seats
PAIRS = [(f"{row}-{number}", f"{row}-{number + 1}") for row in range(1, ROWS + 1) for number in range(1, 30, 2)]
TILLS = 100
SOLD_OUT = int(0.9 * 2 * len(PAIRS))  # the clock stops here: the last tries would be refusals only
OVERHEAD_MS = 3.0
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
# Kept connections would notice a worker that is replaced; so none is.
PRODUCTION = "--config docker/gunicorn.conf.py --max-requests 0"
Document = dict[str, Any]
Exchange = Callable[[bytes], bytes]


def new_showtimes(count: int) -> list[str]:
    """Store `count` showtimes of 600 seats and return their ids."""
    from tests.factories import make_hall, make_showtime  # noqa: PLC0415 - Django is set up by now

    hall = make_hall(rows=ROWS, seats_per_row=SEATS_PER_ROW)
    return [str(make_showtime(hall)["_id"]) for _ in range(count)]


def hold_body(showtime: str, pair: tuple[str, str]) -> Document:
    """Return the body that asks for two seats."""
    return {"showtime": showtime, "seats": [{"seat": seat, "ticketType": "adult"} for seat in pair]}


# --- one sale: HTTP against the bare writes -------------------------------------------------------


def step_row(stage: Stage, *, rounds: int, sales: int) -> Row:
    """Return the milliseconds of a step, hold or pay, against the bare writes of the same step, turn by turn."""
    (till,) = stage.tills(0, 1)
    till.log_in()
    client: MongoClient[Document] = MongoClient(stage.mongo_uri)
    measured = []
    with as_nginx_reaches_it() as exchange:
        for number in range(rounds + 1):
            (showtime,) = new_showtimes(1)
            bare = BareSales(client, ObjectId())
            ours, against = [], []
            for pair in random.sample(PAIRS, min(sales, len(PAIRS))):
                ours += sell_over_http(exchange, till, showtime, pair)
                bare.template = bare.template or client[DATABASE].orders.find_one({"state": "paid"})
                against += bare.sell(pair)
            if number:
                measured.append((statistics.median(ours), statistics.median(against)))
    client.close()
    extra = statistics.median(first - second for first, second in measured)
    return compared(
        "hold + pay of two seats, a step over HTTP against its bare writes",
        "ms",
        measured,
        reach=OVERHEAD_MS,
        measure=UNDER,
        note=f"HTTP, proof, rules and reads add {extra:.2f} ms to a step at the median",
    )


@contextmanager
def as_nginx_reaches_it() -> Iterator[Exchange]:
    """Run gunicorn with production's configuration, and yield what sends requests to it on one kept connection."""
    settings = {"GUNICORN_CMD_ARGS": PRODUCTION, "WEB_CONCURRENCY": str(WORKERS)}
    with gunicorn(workers=WORKERS, environment=settings) as origin:
        port = int(urlsplit(origin).port or 0)
        with kept_open(port)(0) as sent:
            yield sent


def sell_over_http(exchange: Exchange, till: BenchTill, showtime: str, pair: tuple[str, str]) -> list[float]:
    """Sell two seats and return the milliseconds of both steps; signing is the till's work, not on the clock."""
    held = till.signed_request("POST", "/api/v2/orders", hold_body(showtime, pair), idempotency_key=uuid.uuid4().hex)
    first, order = timed(exchange, held, expected=201)
    path = f"/api/v2/orders/{order['id']}/pay"
    body = {"method": "cash", "tendered": order["total"]}
    paid = till.signed_request("POST", path, body, idempotency_key=uuid.uuid4().hex)
    second, _ = timed(exchange, paid, expected=200)
    return [first, second]


def timed(exchange: Exchange, sent: bytes, *, expected: int) -> tuple[float, Any]:
    """Send a request and return milliseconds and body; raises RuntimeError on another status."""
    began = time.perf_counter()
    raw = exchange(sent)
    took = 1000 * (time.perf_counter() - began)
    answer = as_answer(raw)
    if answer.status != expected:
        raise RuntimeError(f"answered {answer.status}: {answer.body.decode()}")
    return took, answer.json()


class BareSales:
    """The writes of a hold and of its payment, by PyMongo alone: key, seats, order, key."""

    def __init__(self, client: MongoClient[Document], showtime: ObjectId) -> None:
        self.database = client[DATABASE]
        self.showtime = showtime
        self.template: Document | None = None  # a paid order as the product stores it
        self.database.seatMaps.insert_one({"_id": showtime, "version": 0, "seats": {}, "nextUntil": FOREVER})

    def sell(self, pair: tuple[str, str]) -> list[float]:
        """Write both steps and return their milliseconds."""
        assert self.template is not None, "one sale over HTTP comes first"
        order, now = ObjectId(), datetime.now(UTC)
        until = now + timedelta(minutes=5)
        seats = [{**line, "seat": seat} for line, seat in zip(self.template["seats"], pair, strict=False)]
        tickets = [
            {**ticket, "seat": seat, "number": uuid.uuid4().hex[:12]}
            for ticket, seat in zip(self.template["tickets"], pair, strict=False)
        ]
        held = {**self.template, "_id": order, "number": uuid.uuid4().hex[:13], "state": "held", "seats": seats}
        for later in ("tickets", "payments", "paidAt"):
            held.pop(later, None)
        held |= {"showtime": self.showtime, "expiresAt": until}
        paid = {"state": "paid", "paidAt": now, "tickets": tickets, "payments": self.template["payments"]}
        return [
            self._step(order, lambda: self._hold(pair, held, until, now)),
            self._step(order, lambda: self._pay(pair, order, paid)),
        ]

    def _step(self, order: ObjectId, write: Callable[[], None]) -> float:
        keys, record, now = self.database.idempotencyKeys, uuid.uuid4().hex, datetime.now(UTC)
        kept = {"_id": record, "body": record, "order": order, "state": "running", "startedAt": now, "createdAt": now}
        began = time.perf_counter()
        keys.insert_one(kept)
        write()
        keys.update_one({"_id": record, "state": "running"}, {"$set": {"state": "done", "content": b"x" * 800}})
        return 1000 * (time.perf_counter() - began)

    def _hold(self, pair: tuple[str, str], order: Document, until: datetime, now: datetime) -> None:
        free = {f"seats.{seat}.until": {"$not": {"$gte": now}} for seat in pair}
        ours = {f"seats.{seat}": {"order": order["_id"], "state": "held", "until": until} for seat in pair}
        change = {"$set": ours, "$inc": {"version": 1}, "$min": {"nextUntil": until}}
        self.database.seatMaps.update_one({"_id": self.showtime, **free}, change)
        self.database.orders.insert_one(order)

    def _pay(self, pair: tuple[str, str], order: ObjectId, paid: Document) -> None:
        ours = {f"seats.{seat}.order": order for seat in pair}
        sold = {f"seats.{seat}": {"order": order, "state": "sold", "until": FOREVER} for seat in pair}
        self.database.seatMaps.update_one({"_id": self.showtime, **ours}, {"$set": sold, "$inc": {"version": 1}})
        self.database.orders.update_one({"_id": order, "state": "held"}, {"$set": paid})


# --- a rush ---------------------------------------------------------------------------------------


@dataclass
class Rush:
    """What a rush brought."""

    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second: holds, payments and honest conflicts."""
        return sum(self.answers.values()) / self.seconds

    @property
    def tickets_a_minute(self) -> float:
        """Tickets sold a minute."""
        return 120 * self.answers["paid"] / self.seconds


def rush_row(stage: Stage, *, rounds: int) -> Row:
    """Return the answers a second of 100 tills on one showtime against 100 tills on 100 showtimes."""
    tills = stage.tills(0, TILLS)
    for till in tills:
        till.log_in()
    one, many = [], []
    for number in range(rounds + 1):
        crowded = rush(stage, tills, new_showtimes(1) * TILLS)
        spread = rush(stage, tills, new_showtimes(TILLS))
        if number:
            one.append(crowded)
            many.append(spread)
    sold_one, sold_many = (statistics.median(each.tickets_a_minute for each in both) for both in (one, many))
    refused = statistics.median(each.answers["taken"] / sum(each.answers.values()) for each in one)
    return compared(
        "100 tills on one showtime of 600 seats, against 100 tills on 100 showtimes",
        "answers/s",
        [(first.rate, second.rate) for first, second in zip(one, many, strict=True)],
        reach=0.5,
        note=(
            f"tickets sold a minute: {sold_one:,.0f} on one showtime ({refused:.0%} of the answers were conflicts), "
            f"{sold_many:,.0f} on a hundred"
        ),
    )


def rush(stage: Stage, tills: Sequence[BenchTill], showtimes: Sequence[str]) -> Rush:
    """Let every till sell pairs of its showtime until 540 seats are sold; each knows only what it was told."""
    sold = multiprocessing.get_context("fork").Value("i", 0)
    each = len(tills) // PROCESSES

    def work(number: int, start: Any) -> Rush:
        nonce = fresh_nonce(stage.ours)
        results = [Rush() for _ in range(each)]
        start.wait()
        began = time.perf_counter()

        def drive(place: int) -> None:
            till = tills[number * each + place]
            till.nonce = nonce
            free = random.sample(PAIRS, len(PAIRS))
            while free and sold.value < SOLD_OUT:
                outcome = sell(till, showtimes[number * each + place], free.pop())
                results[place].answers.update(outcome)
                if "paid" in outcome:
                    with sold.get_lock():
                        sold.value += 2

        in_threads(each, drive)
        return _together(results, time.perf_counter() - began)

    parts = in_processes(work)
    return _together(parts, max(part.seconds for part in parts))


def sell(till: BenchTill, showtime: str, pair: tuple[str, str]) -> list[str]:
    """Try to sell a pair and return the answers: `taken`, or `held` and `paid`; RuntimeError on any other."""
    answer = till.send("POST", "/api/v2/orders", hold_body(showtime, pair), idempotency_key=uuid.uuid4().hex)
    if answer.status == 409 and answer.json()["code"] == "seats_taken":
        return ["taken"]
    if answer.status == 201:
        order = answer.json()
        body = {"method": "cash", "tendered": order["total"]}
        answer = till.send("POST", f"/api/v2/orders/{order['id']}/pay", body, idempotency_key=uuid.uuid4().hex)
        if answer.status == 200:
            return ["held", "paid"]
    raise RuntimeError(f"answered {answer.status}: {answer.body.decode()}")


def _together(parts: Sequence[Rush], seconds: float) -> Rush:
    whole = Rush(seconds=seconds)
    for part in parts:
        whole.answers.update(part.answers)
    return whole
