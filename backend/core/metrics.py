"""What the server counts for Prometheus. Every label comes from a fixed list: never a path, a phone or an id.

Gunicorn's workers each write a file in `PROMETHEUS_MULTIPROC_DIR` (docker/gunicorn.conf.py), named by the worker's
place and not by its process id: the worker that takes a place counts on where the former ended, so that files do not
pile up as workers are replaced.
"""

import os
import re
from collections.abc import Iterable

from prometheus_client import REGISTRY as THIS_PROCESS
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
    values,
)
from pymongo import monitoring

from backend import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is nobody's question here
DIRECTORY = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
if DIRECTORY and (PLACE := os.environ.get("WORKER_PLACE")):
    values.ValueClass = values.MultiProcessValue(lambda: PLACE)  # type: ignore[no-untyped-call]  # asked at each count

OTHER = "other"
A_WAIT = 0.001  # seconds
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
# Those that the product sends; what else a driver may say for itself is `other`.
COMMANDS = frozenset(
    {
        *("find", "aggregate", "insert", "update", "delete", "findAndModify", "bulkWrite", "getMore", "count"),
        *("distinct", "ping", "hello", "commitTransaction", "abortTransaction", "createIndexes", "listCollections"),
        *("endSessions", "killCursors"),
    }
)
WHY_NO_CONNECTION = ("timeout", "connectionError", "poolClosed")  # the driver's own words
LIMITS = ("login_key", "login_phone", "login_address", "sign_in_phone", "sign_in_address")
COMMIT = re.compile(r"[0-9a-f]{7,40}")


def counter(name: str, about: str, labels: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> Counter:
    """Return a counter that stands at 0 with each of the `known` values of its labels.

    Prometheus sees no increase in a series that begins at 1: the first misuse of a token would be no event.
    """
    made = Counter(name, about, labels)
    for each in known:
        made.labels(*each)
    return made


# --- HTTP -----------------------------------------------------------------------------------------
requests = Histogram(
    "cinema_http_request_seconds",
    "Requests by route, method and class of status; 429 apart.",
    ["route", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
held_back = counter("cinema_held_back", "Tries that a limit held back.", ("limit",), [(limit,) for limit in LIMITS])

# --- MongoDB --------------------------------------------------------------------------------------
commands = Histogram(
    "cinema_mongo_command_seconds",
    "Commands of the database by name and result.",
    ["command", "result"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5),
)
pool = Gauge("cinema_mongo_connections", "Connections that are open.", multiprocess_mode="livesum")
# Those in use are the commands that run, on the average: `rate(cinema_mongo_command_seconds_sum)`.
waits = Histogram(
    "cinema_mongo_connection_wait_seconds",
    "How long a command waited that had no connection within a millisecond; a new one's making counts.",
    buckets=(0.01, 0.1, 1),
)
no_connection = counter(
    "cinema_mongo_no_connection",
    "Commands that got no connection, by why.",
    ("reason",),
    [(reason,) for reason in (*WHY_NO_CONNECTION, OTHER)],
)

# --- Redis ----------------------------------------------------------------------------------------
redis_errors = Counter("cinema_redis_errors", "Calls that the state Redis did not answer, or refused.")
redis_given_up = Gauge(
    "cinema_redis_given_up", "Processes that go on without the state Redis.", multiprocess_mode="livesum"
)

revocations_owed = Gauge(
    "cinema_revocations_owed", "Ended sessions that the state Redis has not heard of yet.", multiprocess_mode="livesum"
)

# --- Box office -----------------------------------------------------------------------------------
seats = counter(
    "cinema_seats",
    "Seats held, sold, and refused because another has them.",
    ("result",),
    [("held",), ("sold",), ("refused",)],
)
holds = counter(
    "cinema_holds",
    "Holds, by what became of them.",
    ("result",),
    [("made",), ("paid",), ("cancelled",), ("expired",)],
)

# --- The sweeper ----------------------------------------------------------------------------------
swept = Gauge("cinema_sweep_timestamp_seconds", "When the sweeper last finished a round.")
queue_ages = Gauge("cinema_queue_age_seconds", "How long the oldest waits of what the sweeper is to end.", ["queue"])
maintenance = Gauge(
    "cinema_maintenance_seconds", "How long maintenance has kept everybody waiting; 0 where all are served."
)

log_ins_of_one_address = Gauge(
    "cinema_log_ins_of_one_private_address_ratio",
    "Part of the last hour's tries to log in that came from the commonest address, where that is a private one.",
)

# --- What runs ------------------------------------------------------------------------------------
build = Gauge("cinema_build_info", "What runs: always 1.", ["version", "commit"], multiprocess_mode="livemax")


def tell_build(commit: str) -> None:
    """Show which release runs; a `commit` that is none, like that of a build without git, is `unknown`."""
    build.labels(__version__, commit if COMMIT.fullmatch(commit) else "unknown").set(1)


def exposition() -> bytes:
    """Return what all processes of this server counted, in the text format."""
    if not DIRECTORY:
        return generate_latest(THIS_PROCESS)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


class CountCommands(monitoring.CommandListener):
    """Time every command of the database."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Do nothing yet: the end knows how long it took."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Count a command that was answered."""
        self._count(event, "ok")

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Count a command that was not."""
        self._count(event, "failed")

    def _count(self, event: monitoring.CommandSucceededEvent | monitoring.CommandFailedEvent, result: str) -> None:
        name = event.command_name if event.command_name in COMMANDS else OTHER
        commands.labels(name, result).observe(event.duration_micros / 1e6)


class CountConnections(monitoring.ConnectionPoolListener):
    """Count the connections that are open, and the commands that had to wait for one."""

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """Count one more."""
        pool.inc()

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        """Count one less."""
        pool.dec()

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """Count a wait; most commands have none, and each is on a till's way."""
        if event.duration and event.duration >= A_WAIT:
            waits.observe(event.duration)

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """Count a command that goes without."""
        no_connection.labels(event.reason if event.reason in WHY_NO_CONNECTION else OTHER).inc()

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """Say nothing of it; nor of the rest."""

    pool_ready = pool_cleared = pool_closed = pool_created  # type: ignore[assignment]
    connection_ready = connection_check_out_started = connection_checked_in = pool_created  # type: ignore[assignment]
