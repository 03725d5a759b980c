"""`manage.py check_ledger [--fix | --at TIME]`: prove that seats, orders, tickets and payments agree."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from backend.boxoffice.ledger import breaches
from backend.boxoffice.services.mend import mend_seats
from backend.core import clock


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - without a zone, which is what is refused below
    if moment.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} is no time with its zone, like 2026-06-15T12:00:00Z")
    return moment


class Command(BaseCommand):
    """Check every invariant of seats, orders, tickets and payments."""

    help = "Checks that seats, orders, tickets and payments agree; exits 1 where they do not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take `--fix` or `--at`."""
        either = parser.add_mutually_exclusive_group()
        either.add_argument("--fix", action="store_true", help="first bring the seat maps in line with the orders")
        either.add_argument(
            "--at", type=_moment, metavar="TIME", help="as of then, like 2026-06-15T12:00:00Z: for a restored backup"
        )

    def handle(self, *_args: Any, fix: bool = False, at: datetime | None = None, **_options: Any) -> None:
        """Print each breach on a line and exit 1, or say that all agree."""
        if fix:
            mend_seats(now=clock.now())
        found = breaches(clock=clock.now) if at is None else breaches(clock=lambda: at, pause=0)
        for breach in found:
            self.stderr.write(str(breach))
        if found:
            self.stderr.write(f"{len(found)} breaches.")
            sys.exit(1)
        self.stdout.write("Seats, orders, tickets and payments agree.")
