"""Two documents that want one name: the former database's, and one that only the backup has.

What was lost and made anew has another id and the same phone, title or code. The former database's document keeps it;
the backup's is renamed where sales name it, and left out where it is an account. Documents that both have are called
as they are called today.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

Document = dict[str, Any]
# The members that together are unique, as the models' indexes say; a test holds the list against them. The last one
# is what gives way. Orders and their tickets have random numbers: two of one are refused.
KEYS: dict[str, tuple[str, ...]] = {
    "users": ("phone",),
    "cinemas": ("code",),
    "films": ("title",),
    "halls": ("cinema", "name"),
    "hallLayouts": ("hall", "version"),
    "showtimes": ("cinema", "businessDay", "code"),
}
LEFT_OUT = frozenset({"users"})
# From what a twin is called, those of its kind and the how-manieth try: what it is to be called.
Renaming = Callable[[Any, Iterable[Any], int], Any]
RENAMED: dict[str, Renaming] = {
    "cinemas": lambda code, _all, attempt: f"{code[:9]}R{attempt}",
    "films": lambda title, _all, attempt: f"{title[:66]} (backup {attempt})",
    "halls": lambda name, _all, attempt: f"{name[:16]} (backup {attempt})",
    "hallLayouts": lambda _version, versions, _attempt: max(each for each in versions if isinstance(each, int)) + 1,
    "showtimes": lambda _code, codes, _attempt: (
        f"{max(int(code) for code in codes if code.isdigit() and len(code) <= 3) + 1:02d}"
    ),
}


@dataclass(frozen=True)
class Twin:
    """A document that only the backup has, and the one of the former database that is called alike."""

    collection: str
    former: Document
    backup: Document
    now_called: Any  # None: left out

    def __str__(self) -> str:
        called = " ".join(str(self.backup[member]) for member in KEYS[self.collection])
        done = "is left out" if self.now_called is None else f"is called {self.now_called} now"
        return f"two of {self.collection} are {called}: {self.former['_id']} keeps it, {self.backup['_id']} {done}"


def make_way(name: str, batch: list[Document], former: Database[Document], restored: Database[Document]) -> list[Twin]:
    """Free what `batch` of `former`'s collection `name` is called in `restored`; return who was in the way.

    All batches come before the first document is taken over, so that two that changed names are in nobody's way.
    """
    if name not in KEYS or not batch:
        return []
    members = KEYS[name]
    by_id = {each["_id"]: each for each in batch}
    by_key = {_key(members, each): each for each in batch}
    wanted = [{member: each.get(member) for member in members} for each in batch]
    alike = {"$or": [{"_id": {"$in": list(by_id)}}, *wanted]}
    twins = []
    for each in list(restored[name].find(alike)):
        if each["_id"] in by_id:
            if _key(members, each) != _key(members, by_id[each["_id"]]):
                # Taking it over gives it today's name.
                restored[name].update_one({"_id": each["_id"]}, {"$set": {members[-1]: str(each["_id"])}})
        elif former[name].find_one({"_id": each["_id"]}, {"_id": 1}) is None:
            called = _give_way(name, each, former, restored)
            twins.append(Twin(name, by_key[_key(members, each)], each, called))
    return twins


def _give_way(name: str, twin: Document, former: Database[Document], restored: Database[Document]) -> Any:
    """Rename `twin` in `restored`, or leave it out; return what it is called now."""
    if name in LEFT_OUT:
        restored[name].delete_one({"_id": twin["_id"]})
        return None
    *shared, last = KEYS[name]
    siblings = {member: twin[member] for member in shared}
    taken = {each[last] for database in (former, restored) for each in database[name].find(siblings, {last: 1})}
    names = (RENAMED[name](twin[last], taken, attempt) for attempt in itertools.count(1))
    called = next(each for each in names if each not in taken)
    restored[name].update_one({"_id": twin["_id"]}, {"$set": {last: called}})
    return called


def _key(members: tuple[str, ...], document: Document) -> tuple[Any, ...]:
    return tuple(document.get(member) for member in members)
