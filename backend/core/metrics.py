"""What the server counts for Prometheus. Every label comes from a fixed list: never a path, a phone or an id.

Gunicorn's workers each write a file in `PROMETHEUS_MULTIPROC_DIR` (docker/gunicorn.conf.py), named by the worker's
place and not by its process id: the worker that takes a place counts on where the former ended, so that files do not
pile up as workers are replaced.
"""

import os

from prometheus_client import REGISTRY as THIS_PROCESS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values
from pymongo import monitoring

DIRECTORY = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
if DIRECTORY and "WORKER_PLACE" in os.environ:
    values.ValueClass = values.MultiProcessValue(lambda: os.environ["WORKER_PLACE"])  # type: ignore[no-untyped-call]

OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
# Those that the product sends; what else a driver may say for itself is `other`.
COMMANDS = frozenset(
    {
        *("find", "aggregate", "insert", "update", "delete", "findAndModify", "bulkWrite", "getMore", "count"),
        *("distinct", "ping", "hello", "commitTransaction", "abortTransaction", "createIndexes", "listCollections"),
        *("endSessions", "killCursors"),
    }
)

requests = Histogram(
    "cinema_http_request_seconds",
    "Requests by route, method and class of status.",
    ["route", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
commands = Histogram(
    "cinema_mongo_command_seconds",
    "Commands of the database by name and result.",
    ["command", "result"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5),
)
connections = Gauge(
    "cinema_mongo_connections_in_use", "Connections that commands are using now.", multiprocess_mode="livesum"
)
log_ins = Counter("cinema_log_ins", "Log-ins by result.", ["result"])
seats = Counter("cinema_seats", "Seats held, sold, and refused because another has them.", ["result"])
swept = Gauge("cinema_sweep_timestamp_seconds", "When the sweeper last finished a round.")
oldest_order = Gauge("cinema_oldest_lapsed_order_seconds", "How long the oldest lapsed hold waits for the sweeper.")


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
    """Count the connections that are in use."""

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """Count one more."""
        connections.inc()

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        """Count one less."""
        connections.dec()

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """Say nothing of it; nor of the rest."""

    pool_ready = pool_cleared = pool_closed = pool_created  # type: ignore[assignment]
    connection_created = connection_ready = connection_closed = pool_created  # type: ignore[assignment]
    connection_check_out_started = connection_check_out_failed = pool_created  # type: ignore[assignment]
