"""The last five people of this machine and its own name, so that nobody types a phone number twice."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shell_client.kept import keep

log = logging.getLogger(__name__)

FILE_NAME = "remembered.json"
MOST = 5


@dataclass(frozen=True)
class Person:
    """A phone number that logged in here, and whose it is."""

    phone: str
    name: str


@dataclass(frozen=True)
class Remembered:
    """People, the last first, and what the server calls this machine."""

    people: tuple[Person, ...] = ()
    till: str | None = None

    def name_of(self, phone: str | None) -> str | None:
        """Return the name that goes with a phone number here."""
        return next((person.name for person in self.people if person.phone == phone), None)

    def with_person(self, person: Person, *, till: str | None) -> Remembered:
        """Return the list with `person` first."""
        others = tuple(other for other in self.people if other.phone != person.phone)
        return Remembered(people=(person, *others)[:MOST], till=till)


def load_remembered(data_dir: Path) -> Remembered:
    """Return what is remembered; a convenience, so a missing or damaged file is an empty one."""
    try:
        kept: dict[str, Any] = json.loads((data_dir / FILE_NAME).read_text("utf-8"))
        people = tuple(Person(str(one["phone"]), str(one["name"])) for one in kept["people"][:MOST])
        return Remembered(people, till=kept.get("till"))
    except FileNotFoundError:
        return Remembered()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is damaged and starts anew: %r", FILE_NAME, error)
        return Remembered()


def save_remembered(data_dir: Path, remembered: Remembered) -> None:
    """Keep it for the next start, whole or not at all."""
    try:
        keep(data_dir / FILE_NAME, json.dumps(asdict(remembered), ensure_ascii=False, indent=1))
    except OSError as error:
        log.warning("%s could not be kept: %s", FILE_NAME, error)
