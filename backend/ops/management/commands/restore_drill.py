"""`manage.py restore_drill`: restore the newest backup into a scratch database, compare, measure, drop it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from backend.core import clock
from backend.ops.backup.drill import drill
from backend.ops.backup.errors import BackupError
from backend.ops.backup.noting import note_drill
from backend.ops.backup.options import add_directory, told_to
from backend.ops.backup.reports import RPO_SECONDS, RTO_SECONDS


class Command(BaseCommand):
    """A backup counts only once it was restored."""

    help = "Restores the newest backup into a scratch database, compares it and its ledger, and drops it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the directory."""
        add_directory(parser)

    @no_translations
    def handle(self, *_args: Any, output: Path, **_options: Any) -> None:
        """Say what was restored and how long it took, or exit 1 with what is wrong."""
        try:
            report = drill(output, now=clock.now(), progress=told_to(self.stderr))
        except BackupError as error:
            raise CommandError(f"The drill failed: {error}.") from None
        for line in report.wrong:
            self.stderr.write(line)
        for where in note_drill(output, report):
            self.stderr.write(self.style.WARNING(f"The drill is over, but {where}."))
        if report.wrong:
            raise CommandError(f"{report.name} cannot be relied on; take a new backup and drill again.")
        self.stdout.write(
            f"{report.name}: {report.documents} documents restored, compared and dropped again in "
            f"{report.recovery_seconds:.0f} s; seats, orders, tickets and payments agree."
        )
        self._goal("Lost at worst (RPO)", report.loss_seconds, RPO_SECONDS)
        self._goal("The way back (RTO)", report.recovery_seconds, RTO_SECONDS)

    def _goal(self, what: str, seconds: float, goal: float) -> None:
        line = f"{what}: {seconds / 60:.1f} minutes, the goal is {goal / 60:.0f}"
        if seconds <= goal:
            self.stdout.write(f"{line}: reached.")
        else:
            self.stderr.write(self.style.WARNING(f"{line}: MISSED."))
