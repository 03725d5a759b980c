"""The log-in's side of the policy `approval`: a machine takes one of the account's three places and waits.

The places of a phone are one document, changed only where it is still what was read: there are never more than
three, however many ask at once. A phone that nobody has takes places in the same way, so that it answers alike;
nothing ever comes of those, for no account stands behind them and no manager sees them but in the login log.

What remains to be learnt: where `approval` is the default, a refusal instead of "pending" says that the phone has
an account that is bound, disabled or of another policy. Under the other defaults an unknown phone is refused like
any, and "pending" says that the account has the policy `approval`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from pymongo import InsertOne, UpdateOne

from backend.accounts.binding_documents import history_row
from backend.accounts.models import AccountState, BindingPolicy, DeviceBinding
from backend.accounts.services.ordered import write_in_order
from backend.audit.words import Reason
from backend.core.mongo import collection, namespace

PLACES = 3
Document = dict[str, Any]


@dataclass(frozen=True)
class Queue:
    """The live places of one phone, and the stamp under which they were read."""

    stamp: ObjectId | None = None
    slots: list[Document] = field(default_factory=list)

    def slot_of(self, *, key: str, machine_code: str) -> Document | None:
        """Return the place that this very key and machine has taken."""
        for slot in self.slots:
            if slot["key"] == key and slot["machineCode"] == machine_code:
                return slot
        return None


def waits_for_approval(user: Document | None) -> bool:
    """Return whether a first log-in of `user` waits; somebody unknown is treated by the default policy."""
    if user is None:
        return bool(settings.BINDING_POLICY == BindingPolicy.APPROVAL)
    account = user["account"]
    active = account["status"]["code"] == AccountState.ACTIVE
    return bool(active and user.get("device") is None and account["bindingPolicy"] == BindingPolicy.APPROVAL)


def queue_of(phone: str, user: Document | None, *, now: datetime) -> Queue:
    """Return who waits for `phone`, which is `user`'s.

    Places that were taken while nobody had the phone are gone with the account: no manager could approve them.
    """
    document = collection("bindingQueues").find_one({"_id": phone}) or {}
    owner = user["_id"] if user else None
    live = [slot for slot in document.get("slots", ()) if slot["expiresAt"] > now and slot["user"] == owner]
    return Queue(document.get("stamp"), live)


def places_with(queue: Queue, slot: Document) -> tuple[list[Document], Document | None] | None:
    """Return the places once `slot` has taken one, and who lost his; None where all are taken.

    A key has one place. A refused machine makes way first; then, for one from the cinema's networks, one from
    outside, so that a stranger's flood keeps no cashier out.
    """
    loser = next((each for each in queue.slots if each["key"] == slot["key"]), None)
    if loser is None and len(queue.slots) >= PLACES:
        weaker = [each for each in queue.slots if each["refused"]]
        weaker += [each for each in queue.slots if slot["inside"] and not each["inside"]]
        if not weaker:
            return None
        loser = weaker[0]
    return [*(each for each in queue.slots if each is not loser), slot], loser


def ask(
    queue: Queue,
    *,
    phone: str,
    user: Document | None,
    device: Document,
    address: str,
    inside: bool,
    reference: str,
    log: InsertOne[Document],
    alerts: list[InsertOne[Document]],
    now: datetime,
) -> Reason | None:
    """Take a place for `device`, and write its `log` and `alerts` with it.

    Returns None where that was done, APPROVALS_FULL where all places are taken, CONTESTED where somebody else
    changed them meanwhile: read the queue again.
    """
    expires = now + timedelta(seconds=settings.APPROVAL_SECONDS)
    binding = ObjectId()
    slot = {
        "user": user["_id"] if user else None,
        "key": device["keyThumbprint"],
        "machineCode": device["machineCode"],
        "reference": reference,
        "binding": binding,
        "inside": inside,
        "refused": False,
        "expiresAt": expires,
    }
    found = places_with(queue, slot)
    if found is None:
        return Reason.APPROVALS_FULL
    slots, loser = found
    state = DeviceBinding.State
    writes: list[Any] = [
        UpdateOne(
            {"_id": phone, "stamp": queue.stamp},
            {"$set": {"slots": slots, "stamp": ObjectId(), "expiresAt": expires}},
            upsert=True,
            namespace=namespace("bindingQueues"),
        ),
        log,
    ]
    if user is not None:
        row = history_row(
            user,
            device,
            state=state.PENDING.value,
            reference=reference,
            address=address,
            inside=inside,
            at=now,
            identifier=binding,
            expires_at=expires,
        )
        writes.insert(0, InsertOne(row, namespace=namespace("deviceBindings")))
        if loser is not None:
            gone = {"_id": loser["binding"], "state": state.PENDING.value}
            change = {"$set": {"state": state.SUPERSEDED.value}}
            writes.append(UpdateOne(gone, change, namespace=namespace("deviceBindings")))
    if write_in_order([*writes, *alerts]):
        return None
    collection("deviceBindings").delete_one({"_id": binding, "state": state.PENDING.value})  # it got no place
    return Reason.CONTESTED
