"""`manage.py check_ledger [--fix]`: prove that seats, orders, tickets and payments agree."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backend.boxoffice.ledger import breaches
from backend.boxoffice.services.mend import mend_seats
from backend.core import clock


class Command(BaseCommand):
    """Check every invariant of seats, orders, tickets and payments."""

    help = "Checks that seats, orders, tickets and payments agree; exits 1 where they do not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take `--fix`."""
        parser.add_argument("--fix", action="store_true", help="first bring the seat maps in line with the orders")

    def handle(self, *_args: Any, fix: bool = False, **_options: Any) -> None:
        """Print each breach on a line and exit 1, or say that all agree."""
        if fix:
            mend_seats(now=clock.now())
        found = breaches(clock=clock.now)
        for breach in found:
            self.stderr.write(str(breach))
        if found:
            self.stderr.write(f"{len(found)} breaches.")
            sys.exit(1)
        self.stdout.write("Seats, orders, tickets and payments agree.")
