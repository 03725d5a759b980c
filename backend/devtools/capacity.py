"""What a number of staff needs: `python -m backend.devtools.capacity 100 1000 10000`; docs/guides/capacity.md has it.

Calls times cost is load. The costs were measured by `python -m tests.bench.costs`, the dearest of three runs.
`simulate()` plays the calls against a number of workers, so that the page need not be believed.
"""

import heapq
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass

UTILISATION = 0.6  # of what is there, at the busiest minute: the rest is for a deployment, and for one that fails
HEAD_START = 4  # the compose file's own: fewer workers save nothing
WORKERS_OF_A_HOST = 12  # of one host of 16 processors
LOG_IN_SECONDS = 60.0  # everybody within a minute, at opening time
SALE_SECONDS = 45.0  # each till sells this often, in a rush
LOOK_SECONDS = 2.0  # `POLL` of the ticket screens
HEARTBEAT_SECONDS = 60.0
CHANGED = 0.3  # of all looks find that somebody sold meanwhile
REPLICATION = 2.0  # a primary, and what two secondaries on the same host add to its work
ORDER_BYTES = 3000  # a paid order with its part of all indexes
WORKER_CONNECTIONS = 4 + 2 * 3  # of one worker: a thread has one, and each member of the set is watched by two


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time of one call, by tier."""

    application: float
    database: float
    redis: float


COSTS = {
    "log-in": Cost(3.0, 2.2, 0.2),
    "heartbeat": Cost(2.1, 0.2, 0.15),
    "hold": Cost(4.1, 2.4, 0.15),
    "payment": Cost(4.1, 2.9, 0.15),
    "look, unchanged": Cost(2.7, 0.4, 0.1),
    "look, changed": Cost(4.6, 0.5, 0.1),
}
# What may be sharded, and by what: written by `_id` alone, and with no other unique index.
SHARD_KEYS = {"seatMaps": "_id", "idempotencyKeys": "_id", "loginLogs": "_id"}


def calls_each_second(staff: int) -> dict[str, float]:
    """Return the calls a second of the busiest minute: everybody logs in, and everybody sells."""
    looks = staff / LOOK_SECONDS
    return {
        "log-in": staff / LOG_IN_SECONDS,
        "heartbeat": staff / HEARTBEAT_SECONDS,
        "hold": staff / SALE_SECONDS,
        "payment": staff / SALE_SECONDS,
        "look, unchanged": looks * (1 - CHANGED),
        "look, changed": looks * CHANGED,
    }


@dataclass(frozen=True)
class Need:
    """What the busiest minute takes.

    Args:
        staff: who work at the same time, each with a seat map open.
        calls: a second.
        application: processors kept busy by the application.
        database: processors kept busy by MongoDB, its secondaries included.
        redis: the part of its one processor that Redis uses.
        workers: gunicorn's, of all till servers together.
        hosts: machines of 16 processors for the application; 0 where it fits beside the database.
        connections: that MongoDB has from the workers.
        gigabytes: that a year of orders adds.
    """

    staff: int
    calls: float
    application: float
    database: float
    redis: float
    workers: int
    hosts: int
    connections: int
    gigabytes: float


def need(staff: int, *, orders_a_day: int = 60) -> Need:
    """Return what `staff` need, each making `orders_a_day` on average over the year."""
    calls = calls_each_second(staff)
    busy = {
        tier: sum(rate * getattr(COSTS[kind], tier) for kind, rate in calls.items()) / 1000
        for tier in ("application", "database", "redis")
    }
    workers = max(2 * HEAD_START, math.ceil(busy["application"] / UTILISATION))
    return Need(
        staff=staff,
        calls=sum(calls.values()),
        application=busy["application"],
        database=busy["database"] * REPLICATION,
        redis=busy["redis"],
        workers=workers,
        hosts=0 if workers <= WORKERS_OF_A_HOST else math.ceil(workers / WORKERS_OF_A_HOST),
        connections=workers * WORKER_CONNECTIONS,
        gigabytes=staff * orders_a_day * 365 * ORDER_BYTES / 1e9,
    )


def staff_of_one_address(requests_a_second: float) -> int:
    """Return how many may work behind one address where nginx lets it ask so often."""
    each = 1 / LOOK_SECONDS + 2 / SALE_SECONDS + 1 / HEARTBEAT_SECONDS
    return int(requests_a_second / each)


def simulate(staff: int, workers: int, *, seconds: float = 20.0, seed: int = 1) -> list[float]:
    """Play calls against workers that take one at a time; return how many seconds each had to wait, sorted.

    Calls come by chance, as those of many who know nothing of each other do. A worker is taken for as long as the
    application and the database work on the call, and that varies as widely as an exponential distribution does: more
    than was measured.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    calls = calls_each_second(staff)
    kinds, rates = list(calls), list(calls.values())
    total = sum(rates)
    free = [0.0] * workers  # when each worker is free again
    waits = []
    at = 0.0
    while at < seconds:
        at += chance.expovariate(total)
        cost = COSTS[chance.choices(kinds, rates)[0]]
        begins = max(at, free[0])
        waits.append(begins - at)
        heapq.heapreplace(free, begins + chance.expovariate(1000 / (cost.application + cost.database + cost.redis)))
    return sorted(waits)


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` of the sorted `values` do not exceed."""
    return values[min(len(values) - 1, math.ceil(part * len(values)) - 1)]


def seconds_until_served(staff: int, workers: int) -> float:
    """Return how long it takes until all have logged in who come back in the same moment, after an outage."""
    cost = COSTS["log-in"]
    return staff * (cost.application + cost.database + cost.redis) / 1000 / workers


def row(staff: int) -> str:
    """Return the line of the page's table."""
    found = need(staff)
    wait = 1000 * percentile(simulate(staff, found.workers), 0.99)
    cells = [
        f"{staff:,}",
        f"{found.calls:,.0f}",
        f"{found.application:.1f}",
        f"{found.database:.1f}",
        f"{found.redis:.0%}",
        f"{found.workers}",
        f"{wait:.0f} ms",
        f"{seconds_until_served(staff, found.workers):.1f} s",
        f"{found.connections}",
        f"{found.gigabytes:,.0f} GB",
    ]
    return f"| {' | '.join(cells)} |"


def cost_row(kind: str) -> str:
    """Return the figures of the page's line about one kind of call."""
    cost = COSTS[kind]
    return f"{cost.application} | {cost.database} | {cost.redis} |"


def main(arguments: Sequence[str]) -> None:
    """Print a line for each number of staff."""
    for staff in arguments or ("100", "1000", "10000"):
        print(row(int(staff)))


if __name__ == "__main__":
    main(sys.argv[1:])
