"""`manage.py load_demo_data [--scale N]`: the demo chain, topped up to the day after tomorrow."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.core import clock
from backend.ops.demo.load import NotADemoDatabase, load


class Command(BaseCommand):
    """Load demo data into an empty database, or freshen one that is marked as demo."""

    help = "Loads the demo chain into an empty database, or tops its programme up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take `--scale`."""
        parser.add_argument("--scale", type=int, default=1, help="so many times as many sales of today")

    def handle(self, *_args: Any, scale: int, verbosity: int = 1, **_options: Any) -> None:
        """Load."""
        try:
            loaded = load(now=clock.now(), scale=max(1, scale))
        except NotADemoDatabase as refusal:
            raise CommandError(str(refusal)) from None
        if verbosity:
            self.stdout.write(
                f"Demo data: {loaded.accounts} accounts, {loaded.films} films, {loaded.showtimes} showtimes "
                f"and {loaded.orders} orders added; {loaded.halls} halls."
            )
