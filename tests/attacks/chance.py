"""Whether two samples differ by more than chance: a permutation test, and what "alike" means here."""

import random
from collections.abc import Sequence
from statistics import median

ROUNDS = 2000
UNLIKELY = 0.001
# A difference that a stranger could use at all: below it the network's own noise hides any.
NOTICEABLE = 0.10


def probability(one: Sequence[float], other: Sequence[float], *, seed: int = 7) -> float:
    """Return how often chance alone parts the two samples' medians as far as they are (two-sided)."""
    chance, pool, size = random.Random(seed), [*one, *other], len(one)
    seen = abs(median(one) - median(other))
    as_far = 0
    for _ in range(ROUNDS):
        chance.shuffle(pool)
        as_far += abs(median(pool[:size]) - median(pool[size:])) >= seen
    return (as_far + 1) / (ROUNDS + 1)


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether nobody could tell the samples apart: chance explains them, or they differ by next to nothing."""
    apart = abs(median(one) - median(other)) / median([*one, *other])
    return apart < NOTICEABLE or probability(one, other) > UNLIKELY
