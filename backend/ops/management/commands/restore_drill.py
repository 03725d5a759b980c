"""`manage.py restore_drill`: restore the newest backup into a scratch database, compare, drop it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.ops.backup.drill import drill
from backend.ops.backup.errors import BackupError
from backend.ops.backup.options import add_directory


class Command(BaseCommand):
    """A backup counts only once it was restored."""

    help = "Restores the newest backup into a scratch database, compares it and its ledger, and drops it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the directory."""
        add_directory(parser)

    def handle(self, *_args: Any, output: Path, **_options: Any) -> None:
        """Say what was restored and how long it took, or exit 1 with what is wrong."""
        try:
            report = drill(output)
        except BackupError as error:
            raise CommandError(f"The drill failed: {error}.") from None
        for line in report.wrong:
            self.stderr.write(line)
        if report.wrong:
            raise CommandError(f"{report.backup.path.name} cannot be relied on; take a new backup and drill again.")
        self.stdout.write(
            f"{report.backup.path.name}: {report.documents} documents restored, compared and dropped again in "
            f"{report.seconds:.0f} s; seats, orders, tickets and payments agree."
        )
