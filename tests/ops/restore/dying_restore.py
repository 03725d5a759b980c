"""Restores that die: one process that reads numbers, and for each forks one that ends itself after so many writes.

`python -m tests.ops.restore.dying_restore FILE`; each line of the answer is the exit code of that restore (9: killed)
and the writes that it had done, as a JSON list of `command target`. All of them share one start of Django.
"""

import json
import os
import sys
import tempfile
from typing import Any

import django
from django.conf import settings
from pymongo import monitoring

WRITES = frozenset(
    {
        "insert",
        "update",
        "delete",
        "findAndModify",
        "bulkWrite",
        "create",
        "createIndexes",
        "collMod",
        "drop",
        "dropDatabase",
    }
)


class Fault(monitoring.CommandListener):
    """Counts the writes of this process but those of its lease, which a thread renews, and ends it at one of them."""

    def __init__(self, last: int, report: int) -> None:
        self.last = last
        self.report = report
        self.pending: dict[int, str] = {}
        self.done: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note a write."""
        target = event.command.get(event.command_name)
        if event.command_name in WRITES and target != "leases":
            self.pending[event.request_id] = f"{event.command_name} {target}"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Die where this was the one."""
        write = self.pending.pop(event.request_id, None)
        if write is None:
            return
        self.done.append(write)
        if len(self.done) == self.last:
            self.tell()
            os._exit(9)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """A write that failed is no step."""
        self.pending.pop(event.request_id, None)

    def tell(self) -> None:
        os.pwrite(self.report, json.dumps(self.done).encode(), 0)


def restore(file: str, last: int, report: int) -> int:
    """Restore in this process, which dies after `last` writes; 0 means that it ended by itself, and well."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    fault = Fault(last, report)
    listeners: list[Any] = settings.DATABASES["default"]["OPTIONS"]["event_listeners"]
    listeners.append(fault)
    call_command("restore_database", file, yes=True, drain=0, stdout=sys.stderr)
    fault.tell()
    return 0


def main(file: str) -> None:
    """Answer each number."""
    django.setup()
    for line in sys.stdin:
        with tempfile.TemporaryFile() as report:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = restore(file, int(line), report.fileno())
                finally:
                    os._exit(code)
            _pid, status = os.waitpid(child, 0)
            done = json.loads(report.read() or b"[]")
        print(json.dumps([os.waitstatus_to_exitcode(status), done]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
