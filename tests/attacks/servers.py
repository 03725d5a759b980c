"""A Redis of a test's own, that may be killed in the middle of everything and started again where it was."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from backend.devtools.children import Child, free_port, program

START_SECONDS = 10.0


class MortalRedis:
    """A Redis on one port and one directory, for as many lives as a test wants.

    Args:
        directory: for its files.
        durable: keep an append-only file, written at once.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.directory = directory
        self.durable = durable
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self._child:
            self._child.stop()

    def start(self) -> None:
        """Begin a life, with what the append-only file remembers of the former."""
        kept = ("--appendonly", "yes", "--appendfsync", "always") if self.durable else ("--appendonly", "no")
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.directory), "--save", "")
        executable = program("redis-server", hint="Debian: apt-get install redis-server")
        self._child = Child("Redis", [executable, *options, *kept], log=self.directory / "redis.log")
        with redis.Redis.from_url(self.url) as client:
            self._child.wait_until(lambda: answers(client), seconds=START_SECONDS)

    def kill(self) -> None:
        """End it as a power cut does; return once nobody listens."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGKILL)
        deadline = time.monotonic() + START_SECONDS
        while self._child.runs() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._child = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it answer nobody inside the block, and go on behind it as if nothing had been."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._child.pid, signal.SIGCONT)


def answers(client: redis.Redis) -> bool:
    """Return whether the Redis of `client` answers and has loaded its file."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
