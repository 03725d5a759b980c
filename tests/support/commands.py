"""Count the database commands of a block, raw calls included (Django's own counter misses those)."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import monitoring


class CommandLog(monitoring.CommandListener):
    """Notes every command of this process while a block asks for it."""

    def __init__(self) -> None:
        self._blocks: list[list[str]] = []

    @contextmanager
    def watch(self) -> Iterator[list[str]]:
        """Yield a list that fills with `"command collection"`, like `"find users"`, in the order sent."""
        seen: list[str] = []
        self._blocks.append(seen)
        try:
            yield seen
        finally:
            self._blocks.remove(seen)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note a command."""
        target = event.command.get(event.command_name)
        if event.command_name == "bulkWrite":
            target = ",".join(namespace["ns"].partition(".")[2] for namespace in event.command["nsInfo"])
        line = f"{event.command_name} {target}" if isinstance(target, str) else event.command_name
        for seen in self._blocks:
            seen.append(line)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: a command is counted when it is sent."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: a command is counted when it is sent."""


log = CommandLog()
