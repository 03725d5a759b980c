"""Find out what was sold of the showtimes that a restore closed, from a database that knows, or by a manager's word.

Closed showtimes are not sold, so nothing of theirs changes here meanwhile but what ends: orders only go forward, and of
two copies of an order the one that is further stands.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from backend.boxoffice.ledger import Breach, breaches_of
from backend.boxoffice.models import OrderState
from backend.boxoffice.services.mend import mend_showtime
from backend.core.mongo import collection
from backend.ops.restore.errors import NotReconciled
from backend.ops.restore.losses import newest
from backend.programme.reopening import CLOSED, closed_showtimes, name_of, open_again

Document = dict[str, Any]
HOW_FAR = {
    OrderState.HELD: 0,
    OrderState.EXPIRED: 1,
    OrderState.CANCELLED: 1,
    OrderState.PAID: 2,
    OrderState.PARTLY_REFUNDED: 3,
    OrderState.REFUNDED: 4,
}


@dataclass(frozen=True)
class Reconciled:
    """One showtime: how many orders were taken over, and what does not agree; without that it is sold again."""

    showtime: Document
    orders: int
    breaches: list[Breach]


def reconcile(source: Database[Document], *, now: datetime) -> list[Reconciled]:
    """Take over what `source` knows of the closed showtimes and open those whose ledger agrees. May be repeated.

    Raises NotReconciled where `source` cannot know what was sold of one of them since the backup.
    """
    closed = closed_showtimes()
    for show in closed:
        _refuse_ignorant(source, show)
    done = []
    for show in closed:
        taken_over = sum(_take_over(order) for order in source["orders"].find({"showtime": show["_id"]}))
        mend_showtime(show["_id"], now=now)
        wrong = breaches_of(show["_id"], now=now)
        if not wrong:
            open_again(show["_id"], by=None, now=now)
        done.append(Reconciled(show, taken_over, wrong))
    return done


def _refuse_ignorant(source: Database[Document], show: Document) -> None:
    """Raise NotReconciled unless `source` has the showtime, the backup's orders of it, and something younger."""
    if source["showtimes"].find_one({"_id": show["_id"]}, {"_id": 1}) is None:
        raise NotReconciled(f"{source.name} does not know the showtime {name_of(show)} ({show['_id']})")
    backup = show[CLOSED].get("backup")
    of_backup: Document = {"showtime": show["_id"]} | ({"createdAt": {"$lte": backup}} if backup else {})
    for order in collection("orders").find(of_backup, {"number": 1}):
        if source["orders"].find_one({"_id": order["_id"]}, {"_id": 1}) is None:
            raise NotReconciled(
                f"{source.name} has lost sales itself: the backup's order {order['number']} is not there"
            )
    until = newest(source)
    if until is None or (backup is not None and until <= backup):
        raise NotReconciled(f"{source.name} is no younger than the backup: it cannot know what was sold since")


def open_by_name(showtimes: list[ObjectId], *, now: datetime) -> None:
    """Open closed showtimes although nobody knows what was sold of them; raises NotFound."""
    for showtime in showtimes:
        open_again(showtime, by=None, now=now)


def _take_over(order: Document) -> bool:
    """Let `order` stand here where it is further than the one that is here, or where there is none."""
    here = collection("orders").find_one({"_id": order["_id"]}, {"state": 1})
    if here is None:
        try:
            collection("orders").insert_one(order)
        except DuplicateKeyError:  # made here at this moment, by this command started twice
            return False
        return True
    if HOW_FAR[order["state"]] <= HOW_FAR[here["state"]]:
        return False
    as_it_was = {"_id": order["_id"], "state": here["state"]}
    return bool(collection("orders").replace_one(as_it_was, order).modified_count)
