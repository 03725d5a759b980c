"""Opening time: twenty staff log in at once behind one address, alone and beside a stranger on their network."""

import os
import statistics
import threading
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.bench.load import in_threads
from tests.bench.report import Row, compared
from tests.bench.stage import Stage
from tests.bench.tills import BenchTill, fresh_nonce

STAFF = 20
TRIES_A_SECOND = 10
HEAD_START_SECONDS = 1.0


@dataclass
class Stranger:
    """Knows every phone and machine code, has a key of his own for each try, and asks from the same address."""

    victims: list[BenchTill]
    refused: int = 0
    let_in: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Try one account after the other until told to stop."""
        number = 0
        while not self.done.wait(1 / TRIES_A_SECOND):
            victim = self.victims[number % len(self.victims)]
            liar = BenchTill(victim.phone, victim.server, nonce=fresh_nonce(victim.server))
            liar.private_key = Ed25519PrivateKey.from_private_bytes(os.urandom(32))  # type: ignore[misc]  # is cached
            status = liar.send("POST", "/api/v2/login", liar.login_body()).status
            self.let_in += status == 200
            self.refused += status != 200
            number += 1


def opening_row(stage: Stage, *, rounds: int) -> Row:
    """Return how long staff wait for their log-in beside a stranger, against without him."""
    staff = stage.tills(0, STAFF)
    stranger_waits: list[float] = []
    measured = []
    refused = 0
    for number in range(rounds + 1):
        alone = morning(staff)
        time.sleep(1)  # a till's own key may log in once a second
        stranger = Stranger(staff)
        beside = threading.Thread(target=stranger.run, daemon=True)
        beside.start()
        time.sleep(HEAD_START_SECONDS)
        besieged = morning(staff)
        stranger.done.set()
        beside.join()
        if stranger.let_in:
            raise RuntimeError("a stranger was let in")
        time.sleep(1)
        if number:
            refused += stranger.refused
            stranger_waits += besieged
            measured.append((statistics.median(besieged), statistics.median(alone)))
    return compared(
        f"{STAFF} staff log in at once behind one address, beside a stranger, against without him",
        "ms",
        measured,
        reach=None,
        note=(
            f"beside him they waited {statistics.median(stranger_waits):.0f} ms at the median, "
            f"{max(stranger_waits):.0f} ms at the worst; he was refused {refused} times and let in never"
        ),
    )


def morning(staff: list[BenchTill]) -> list[float]:
    """Let all log in at the same moment and return the milliseconds that each waited; all must get in."""
    waits = [0.0] * len(staff)

    def arrive(place: int) -> None:
        began = time.perf_counter()
        staff[place].log_in()
        waits[place] = 1000 * (time.perf_counter() - began)

    in_threads(len(staff), arrive)
    return waits
