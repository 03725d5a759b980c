"""What Redis remembers of an account that logged in on its machine, so that the next log-in need not look it up.

A hint and never the authority: the log-in's first write has all of it as its condition, and where that fails the
account is looked up and the hint written anew.
"""

from datetime import datetime
from typing import Any

import msgspec
from bson import ObjectId
from redis import Redis

SECONDS = 7 * 24 * 3600  # a cashier's days off; who stays away longer is looked up


class Returning(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its last log-in on this machine left it; ids as hex text. `session` is that log-in's."""

    user: str
    name: str
    role: str
    cinemas: list[str]
    bound_at: datetime
    session: str = ""

    def account(self, phone: str) -> dict[str, Any]:
        """Return the members of the account's document that a log-in needs."""
        return {
            "_id": ObjectId(self.user),
            "phone": phone,
            "name": self.name,
            "role": self.role,
            "cinemas": [ObjectId(cinema) for cinema in self.cinemas],
            "session": ObjectId(self.session),
        }


def redis_key(phone: str, key: str) -> str:
    """Return where Redis keeps the hint for the account with this phone on the machine with this device key."""
    return f"returning:{key}:{phone}"


def read(session: bytes, account: bytes) -> Returning | None:
    """Return the hint from the two fields of its hash; None where another release wrote it in another shape."""
    try:
        hint = msgspec.structs.replace(msgspec.json.decode(account, type=Returning), session=session.decode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return hint if all(ObjectId.is_valid(each) for each in (hint.user, hint.session, *hint.cinemas)) else None


def write(server: Redis, user: dict[str, Any], *, session: ObjectId) -> None:
    """Store the hint for the next log-in of `user`, a whole document whose device is bound."""
    device = user["device"]
    hint = Returning(
        user=str(user["_id"]),
        name=user["name"],
        role=user["role"],
        cinemas=[str(cinema) for cinema in user["cinemas"]],
        bound_at=device["boundAt"],
    )
    where = redis_key(user["phone"], device["keyThumbprint"])
    with server.pipeline() as pipeline:
        pipeline.hset(where, mapping={"session": str(session), "account": msgspec.json.encode(hint)})
        pipeline.expire(where, SECONDS)
        pipeline.execute()
