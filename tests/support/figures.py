"""What a block of a test added to the figures of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY

Series = tuple[str, frozenset[tuple[str, str]]]


def _now(name: str) -> dict[Series, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == name
    }


@contextmanager
def added_to(name: str) -> Iterator[dict[tuple[str, ...], float]]:
    """Give a mapping that holds, after the block, what it added: the values of the labels (by their names) to how much.

    `cinema_log_ins_total` has the labels `reason` and `result`: `{("known", "success"): 1.0}`.
    """
    before = _now(name)
    added: dict[tuple[str, ...], float] = {}
    yield added
    for series, value in _now(name).items():
        if more := value - before.get(series, 0.0):
            added[tuple(value for _label, value in sorted(series[1]))] = more
