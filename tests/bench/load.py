"""Drive a server from several processes, each with several connections, and count what comes back."""

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.bench.tills import Server, raw_exchange

PROCESSES = 2  # signing happens before the clock starts, so two are never the bottleneck
Connect = Callable[[int], AbstractContextManager[Callable[[bytes], bytes]]]
_fork = multiprocessing.get_context("fork")


@dataclass
class Outcome:
    """What a round brought: answers by status, seconds on the clock, each answer's latency in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def rate(self, *statuses: int) -> float:
        """Return the answers of these statuses a second."""
        return sum(self.statuses[status] for status in statuses) / self.seconds


def in_processes(work: Callable[[int, Any], Any], *, processes: int = PROCESSES) -> list[Any]:
    """Run `work(number, start)` in each process and return their results; `start.wait()` is the common start."""
    start = _fork.Barrier(processes)
    results: Any = _fork.SimpleQueue()

    def run(number: int) -> None:
        try:
            results.put((None, work(number, start)))
        except BaseException as error:  # noqa: BLE001 - the parent must hear of it, or it waits for ever
            start.abort()
            results.put((f"{type(error).__name__}: {error}", None))

    children = [_fork.Process(target=run, args=(number,)) for number in range(processes)]
    for child in children:
        child.start()
    answers = [results.get() for _ in children]
    for child in children:
        child.join()
    if failures := [failure for failure, _ in answers if failure]:
        raise RuntimeError(next((each for each in failures if "BrokenBarrier" not in each), failures[0]))
    return [answer for _, answer in answers]


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(number)` in `count` threads, wait for all, and raise the first error of one."""
    errors: list[Exception] = []

    def run(number: int) -> None:
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 - a thread's error would only be printed
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def hammer(
    server: Server,
    prepare: Callable[[int], Sequence[bytes]],
    *,
    connections: int,
    seconds: float,
    connect: Connect | None = None,
) -> Outcome:
    """Send prepared requests over `connections` for `seconds`, one after the other on each.

    `prepare(connection)` is called before the clock starts and gives that connection's requests; a connection that
    has sent all of them stops, and the clock with the last one. `connect(connection)` opens what they are sent on;
    without it each request has a connection of its own.
    """
    connect = connect or (lambda _connection: nullcontext(partial(raw_exchange, server)))
    each = connections // PROCESSES

    def work(number: int, start: Any) -> Outcome:
        prepared = [prepare(number * each + connection) for connection in range(each)]
        outcomes = [Outcome() for _ in range(each)]
        start.wait()
        began = time.perf_counter()

        def drive(connection: int) -> None:
            mine = outcomes[connection]
            with connect(number * each + connection) as exchange:
                for sent in prepared[connection]:
                    at = time.perf_counter()
                    if at - began > seconds:
                        break
                    answer = exchange(sent)
                    mine.statuses[int(answer[9:12])] += 1
                    mine.latencies.append(time.perf_counter() - at)

        in_threads(each, drive)
        whole = merged(outcomes)
        whole.seconds = time.perf_counter() - began
        return whole

    return merged(in_processes(work))


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Return outcomes of the same stretch of time as one."""
    whole = Outcome()
    for outcome in outcomes:
        whole.statuses += outcome.statuses
        whole.latencies += outcome.latencies
        whole.seconds = max(whole.seconds, outcome.seconds)
    return whole
