"""One process of a rush on one showtime: `python -m tests.support.rush SHOWTIME CLIENTS SEED [unguarded]`.

Each client is a thread that wants two seats side by side, again and again until the hall is full, and pays what
it gets. Prints one JSON line: what was sold, what was refused, what else happened. With `unguarded` the guard of
the claim is taken away: the control that shows what it is for.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

django.setup()

from bson import ObjectId  # noqa: E402

from backend.boxoffice import seatmap  # noqa: E402
from backend.boxoffice.errors import HoldExpired, SeatsTaken  # noqa: E402
from backend.boxoffice.services.hold import SeatChoice, hold_seats  # noqa: E402
from backend.boxoffice.services.pay import pay_order  # noqa: E402
from backend.core import clock  # noqa: E402
from backend.core.idempotency import IdempotencyKey  # noqa: E402
from tests.support.chain import actor  # noqa: E402

TRIES = 6


def rush(showtime: ObjectId, seed: int) -> dict[str, Any]:
    """Return what one client sold and was refused."""
    chance = random.Random(seed)
    by = actor(phone=f"1390000{seed:04d}")
    sold: list[str] = []
    refused: list[tuple[list[str], list[str]]] = []
    lost = 0
    for _try in range(TRIES):
        row, number = chance.choice("4567"), chance.randrange(5, 12)
        wanted = [f"{row}-{number}", f"{row}-{number + 1}"]
        try:
            order = hold_seats(
                key=IdempotencyKey(),
                showtime=showtime,
                seats=[SeatChoice(seat, "adult") for seat in wanted],
                by=by,
                now=clock.now(),
            )
            pay_order(key=IdempotencyKey(), order=order["_id"], method="cash", by=by, now=clock.now())
        except SeatsTaken as taken:
            refused.append((wanted, taken.seats))
        except HoldExpired:
            lost += 1  # only without the guard: someone took the seats from under us
        else:
            sold += wanted
    return {"sold": sold, "refused": refused, "lost": lost}


def main() -> None:
    """Run the clients of this process."""
    showtime, clients, seed = ObjectId(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if sys.argv[4:] == ["unguarded"]:
        seatmap.unclaimed = lambda _seats, **_now: {}
    with ThreadPoolExecutor(clients) as pool:
        print(json.dumps(list(pool.map(lambda each: rush(showtime, seed + each), range(clients)))))


if __name__ == "__main__":
    main()
