"""Bring a development database up to date, all commands in one process: Django's start costs more than they do."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from backend.devtools.children import CannotStart

DATABASE = ("migrate", "create_indexes", "load_demo_data")


def prepare(*commands: str) -> None:
    """Run `commands` of manage.py; raises CannotStart with one line where one fails."""
    try:
        django.setup()
        for command in commands:
            options = {"interactive": False} if command in {"migrate", "collectstatic"} else {}
            call_command(command, verbosity=0, **options)
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
