"""Bring a development database up to date, all commands in one process: Django's start costs more than they do."""

import os
import sys
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from backend.devtools.children import CannotStart

# Production's job: it makes the indexes, too, and goes on where a start that was killed has stopped.
DATABASE = ("migrate_database", "load_demo_data")
OPTIONS: dict[str, dict[str, Any]] = {
    "migrate_database": {"wait": 40.0},  # a start that was killed holds its lease for 30 s more
    "collectstatic": {"interactive": False},
}


def prepare(*commands: str) -> None:
    """Run `commands` of manage.py; raises CannotStart with one line where one fails."""
    try:
        django.setup()
        for command in commands:
            call_command(command, verbosity=0, **OPTIONS.get(command, {}))
    except (CommandError, ImproperlyConfigured, DatabaseError, PyMongoError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CannotStart(f"Cannot prepare the database: {reason}") from None


def main(commands: list[str]) -> int:
    """Run the commands that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings.dev")
    try:
        prepare(*commands)
    except CannotStart as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
