"""`manage.py maintenance on|off|status`: serve nobody for a while, and tell everybody so."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from backend.core import clock, serving
from backend.core.mongo import client

KEY = "ops"  # whose maintenance it is: a restore has its own


class Command(BaseCommand):
    """All workers know within a second; requests that had begun finish."""

    help = "Begins or ends maintenance: everybody is answered 503 `maintenance`, with a page that waits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        parser.add_argument("what", choices=["on", "off", "status"])
        parser.add_argument("--reason", default="", help="for whoever asks for the status")
        parser.add_argument(
            "--restore-is-dead",
            action="store_true",
            help="end it although a restore seems to run: should it be alive after all, it gives up",
        )

    @no_translations
    def handle(self, *_args: Any, what: str, reason: str, restore_is_dead: bool, **_options: Any) -> None:
        """Do it, and say how it stands; exit 1 where somebody else's maintenance is on."""
        if what == "on" and not serving.enter_maintenance(key=KEY, reason=reason, now=clock.now()):
            raise CommandError(f"{self._status()} End that first, or let it end by itself.")
        if what == "off":
            self._end(restore_is_dead)
        self.stdout.write(self._status())

    def _end(self, restore_is_dead: bool) -> None:
        """End what is on; a sale while a restore runs would be lost, and its seat sold a second time."""
        said = serving.read(client())
        if said.maintenance is None:
            return
        if not restore_is_dead and (who := serving.restoring(client())):
            raise CommandError(
                f"A restore runs ({who}) and ends its maintenance itself; a killed one lets go in half a minute. "
                "Nothing was ended. --restore-is-dead where it is known to be."
            )
        if not serving.leave_maintenance(said.maintenance):
            raise CommandError("The maintenance changed at this moment. Look again, and repeat it.")

    def _status(self) -> str:
        said = serving.read(client())
        if said.maintenance is None:
            return f"{said.database} serves."
        why = f" ({said.maintenance.reason})" if said.maintenance.reason else ""
        return f"Maintenance since {clock.iso(said.maintenance.since)}{why}; {said.database} waits."
