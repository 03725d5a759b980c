"""`manage.py backup_database [--output DIR] [--keep-days 7]`: back the database up and read it back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.template.defaultfilters import filesizeformat

from backend.core import clock
from backend.ops.backup.errors import BackupError
from backend.ops.backup.noting import note_failure, note_success
from backend.ops.backup.options import add_directory, told_to
from backend.ops.backup.services import back_up
from backend.ops.backup.shelf import Retention


class Command(BaseCommand):
    """Write `backup_YYYYmmdd_HHMMSS.tar.gz` (UTC)."""

    help = "Backs the database up into one file, reads it back, then removes what is no longer needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to, and how many days to keep."""
        add_directory(parser)
        parser.add_argument(
            "--keep-days", type=int, default=7, metavar="N", help="days of which one stays (7); 0 removes nothing"
        )

        parser.add_argument(
            "--unencrypted", action="store_true", help="readable to everybody who gets the file, in production too"
        )

    @no_translations
    def handle(self, *_args: Any, output: Path, keep_days: int, unencrypted: bool, **_options: Any) -> None:
        """Say what was made and removed; exit 1 with one line, and nothing half-made, where it failed."""
        if keep_days < 0:
            raise CommandError("--keep-days is a number of days, or 0 to remove nothing.")
        if settings.BACKUP_MUST_BE_ENCRYPTED and not settings.BACKUP_AGE_RECIPIENT and not unencrypted:
            raise CommandError("Set BACKUP_AGE_RECIPIENT (`age-keygen` makes one), or say --unencrypted.")
        retention = Retention(days=keep_days) if keep_days else None
        try:
            made = back_up(output, retention=retention, now=clock.now(), progress=told_to(self.stderr))
        except BackupError as error:
            note_failure(output, str(error), now=clock.now())
            raise CommandError(f"No backup was made: {error}.") from None
        report = made.report
        self.stdout.write(
            f"{made.backup.path}: {report.documents} documents, {filesizeformat(report.size)}, read back, "
            f"in {report.seconds:.0f} s."
        )
        if not made.manifest.snapshot:
            self.stderr.write(self.style.WARNING("Not of one moment: this server gives no snapshot."))
        for old in made.removed:
            self.stdout.write(f"Removed {old.path.name}.")
        for where in note_success(output, made):
            self.stderr.write(self.style.WARNING(f"The backup is made, but {where}."))
