"""The server with a fault: it dies right after the database has done its n-th write of a sale.

`DIE_AFTER` names a file; while it holds a number, the worker counts its writes to the sale's collections and
ends itself without a word after that many, once. Between any two steps of a use case lies one such moment.
"""

import os
from pathlib import Path

from pymongo import monitoring

ORDER_FILE = Path(os.environ["DIE_AFTER"])
COLLECTIONS = frozenset({"idempotencyKeys", "seatMaps", "orders"})
WRITES = frozenset({"insert", "update", "delete"})


class Fault(monitoring.CommandListener):
    """Counts the sale's writes and ends the process."""

    def __init__(self) -> None:
        self.pending: set[int] = set()
        self.done = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note a write of the sale."""
        if event.command_name in WRITES and event.command[event.command_name] in COLLECTIONS:
            self.pending.add(event.request_id)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Die where this was the one."""
        if event.request_id not in self.pending:
            return
        self.pending.discard(event.request_id)
        if not ORDER_FILE.exists():
            self.done = 0
            return
        self.done += 1
        if self.done >= int(ORDER_FILE.read_text(encoding="utf-8")):
            ORDER_FILE.unlink()
            os._exit(9)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """A write that failed is no step."""
        self.pending.discard(event.request_id)


monitoring.register(Fault())

from django.conf import settings  # noqa: E402 - the listener must be there before the client

from backend.wsgi import application as application  # noqa: E402

settings.IDEMPOTENCY_TAKEOVER_SECONDS = 0.2
