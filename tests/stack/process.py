"""A server of the stack by its process: killed as a power cut does it, and begun again as it was."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from backend.devtools.children import Child
from backend.devtools.servers import ROOT
from tests.ops.processes import alive, eventually

END_SECONDS = 20.0
START_SECONDS = 60.0


class Process:
    """One running server of this machine.

    Args:
        name: what messages call it.
        pid: the process.
        command: what it was begun with.
        environment: what its command runs with on top of our own.
        logs: the directory for what it says when it is begun again.
    """

    def __init__(self, name: str, pid: int, command: list[str], *, environment: dict[str, str], logs: Path) -> None:
        self.name = name
        self.pid = pid
        self.command = command
        self.environment = environment
        self.logs = logs
        self.child: Child | None = None

    def workers(self) -> list[int]:
        """Return its child processes."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, by force unless told, and return when it is gone."""
        self.send(number)
        assert eventually(lambda: not alive(self.pid), seconds=END_SECONDS), f"{self.name} goes on"

    def begin(self, *, output: Path | None = None, **environment: str) -> None:
        """Begin it again, with `environment` on top of what it had, and its output in the file `output`."""
        command = self.command
        if output:
            command = ["/bin/sh", "-c", 'exec "$@" > "$0" 2>&1', str(output), *command]
        variables = self.environment | environment
        log = None if output else self.logs / f"{self.name}.again.log"
        self.child = Child(self.name, command, environment=variables, directory=ROOT, log=log, last=signal.SIGKILL)
        self.pid = self.child.pid

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return once what was begun again is `ready()`; fail with its last words where it ended."""
        assert self.child
        self.child.wait_until(ready, seconds=START_SECONDS)

    def stop(self) -> None:
        """End what was begun again."""
        if self.child:
            self.child.stop()


def command_of(pid: int) -> list[str]:
    """Return the command of a process that has not put a title in its place."""
    return [os.fsdecode(word) for word in Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")]
