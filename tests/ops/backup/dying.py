"""Run commands of backups in children that die at a given step: `python -m tests.ops.backup.dying SHELF DATABASE`.

A step is a change of a file on the shelf or a write of the database, before it and after it. Reads lines like
`restore_drill 7` and answers each with one of JSON: the names of the steps that were reached, and how it ended. Step 0
is none: the command runs to its end. Each child is a fork of one process, so that a death costs no start of Python.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pymongo import monitoring

FILES = {"open", "os.link", "os.remove", "os.rename", "os.mkdir"}
WRITES = {"insert", "update", "delete", "create", "createIndexes", "drop", "dropDatabase"}
READS = {("find", "orders")}  # one is as good as another


class Steps(monitoring.CommandListener):
    """Counts steps and dies at one; `names` goes to `told` with each, for the parent."""

    def __init__(self) -> None:
        self.shelf, self.die_at, self.count = "", -1, 0
        self.told: Callable[[str], object] = lambda _name: None

    def step(self, name: str) -> None:
        """Count one, unless nothing was asked yet."""
        if self.die_at < 0:
            return
        self.count += 1
        self.told(name)
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take what Python is about to do with a file."""
        if event not in FILES or self.die_at < 0 or not str(arguments[0]).startswith(self.shelf):
            return
        if event == "open" and (arguments[0] == self.shelf or not (arguments[2] & (os.O_WRONLY | os.O_RDWR))):
            return  # it only reads, or makes a file without a name
        name = Path(str(arguments[0])).suffix
        self.step(f"{event} {name}")

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Before a write."""
        self._command("before", event.command_name, event.command.get(event.command_name))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """After one."""
        self._command("after", event.command_name, None)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Count no step that was refused."""

    def _command(self, when: str, name: str, of: Any) -> None:
        if name in WRITES or (name, of) in READS:
            self.step(f"{when} {name}")


def child(command: str, steps: Steps, die_at: int, told: int, minute: int) -> None:
    """Run `command` in this process, which is a fork; a backup is of its own `minute`, because its name is its time."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    from backend.ops import lease  # noqa: PLC0415
    from backend.ops.backup import drill  # noqa: PLC0415
    from backend.ops.management.commands import backup_database  # noqa: PLC0415

    at = datetime(2026, 6, 15, 12, tzinfo=UTC) + timedelta(minutes=minute)
    backup_database.clock = SimpleNamespace(now=lambda: at)  # type: ignore[assignment]
    lease.SECONDS = 0.01  # nobody waits for the dead
    lease.Holding.keep = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005
    drill._ledger = lambda *_: []  # a process of its own that only reads, and takes two seconds
    steps.told = lambda name: os.write(told, f"{name}\n".encode())
    steps.die_at = die_at
    call_command(command, output=Path(steps.shelf), stdout=sys.stderr)


def main() -> None:
    """Answer until the input ends."""
    shelf, database = sys.argv[1:]
    steps = Steps()
    steps.shelf = shelf
    monitoring.register(steps)
    sys.addaudithook(steps.audited)
    import django  # noqa: PLC0415 - the listener comes first

    django.setup()
    from django.db import connection  # noqa: PLC0415

    connection.settings_dict["NAME"] = database
    from backend.ops import backup  # noqa: F401, PLC0415 - what the children need is loaded once
    from backend.ops.backup import drill, services  # noqa: F401, PLC0415

    for minute, line in enumerate(sys.stdin):
        command, die_at = line.split()
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            try:
                child(command, steps, int(die_at), writer, minute)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is not this process's
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as names:
            reached = names.read().splitlines()
        _, status = os.waitpid(process, 0)
        print(json.dumps({"steps": reached, "status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
