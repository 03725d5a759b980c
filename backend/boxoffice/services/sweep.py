"""End what time has ended, and finish what a crash left. Two sweepers at once are harmless."""

from dataclasses import dataclass
from datetime import datetime

from backend.boxoffice import orders, seatmap
from backend.boxoffice.services.cancel import free_seats
from backend.core import metrics

AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What one sweep did."""

    expired: int = 0
    finished: int = 0
    claims: int = 0

    def __bool__(self) -> bool:
        return bool(self.expired or self.finished or self.claims)


def sweep(*, now: datetime) -> Swept:
    """End lapsed holds (order, then seats), free the seats of orders that are over, drop claims without an order.

    Every step is a conditional update that names the state before, so a payment at the same moment either
    comes first and is left alone, or finds the order expired.
    """
    expired = 0
    for order in orders.overdue(now, limit=AT_ONCE):
        if orders.expire(order["_id"], now=now):
            metrics.holds.labels("expired").inc()
            free_seats(order)
            expired += 1
    finished = 0
    for order in orders.releasing(limit=AT_ONCE):
        free_seats(order)
        finished += 1
    claims = 0
    for document in seatmap.with_lapsed_holds(now, limit=AT_ONCE):
        lapsed = {seat["order"] for seat in document["seats"].values() if seat["until"] < now}
        alive = orders.alive_among(list(lapsed)) if lapsed else set()
        if seatmap.drop_lapsed(document, alive, now=now):
            claims += len(lapsed - alive)
    return Swept(expired=expired, finished=finished, claims=claims)


def queue_ages(now: datetime) -> dict[str, float]:
    """Return for each queue how many seconds its oldest waits for the sweeper, 0 where nothing does."""
    waiting = {
        "lapsed_holds": [order["expiresAt"] for order in orders.overdue(now, limit=AT_ONCE)],
        "unfreed_seats": [
            order.get("cancelledAt") or order.get("expiredAt") or now for order in orders.releasing(limit=AT_ONCE)
        ],
    }
    return {queue: (now - min(since, default=now)).total_seconds() for queue, since in waiting.items()}
