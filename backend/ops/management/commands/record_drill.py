"""`manage.py record_drill [--output DIR] < last-drill.json`: note a drill that was done on another machine."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from backend.ops.backup.errors import BackupError
from backend.ops.backup.noting import note_drill
from backend.ops.backup.options import add_directory
from backend.ops.backup.reports import Drilled, parse

LARGEST = 1024 * 1024


class Command(BaseCommand):
    """The server cannot decrypt its backups, so it is told what the drill of who can has found."""

    help = "Takes the last-drill.json of a drill on another machine from standard input, for alerts and managers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the directory."""
        add_directory(parser)

    @no_translations
    def handle(self, *_args: Any, output: Path, **_options: Any) -> None:
        """Say what was noted, or exit 1 where it was no report or could not be noted."""
        try:
            report = parse(sys.stdin.buffer.read(LARGEST), Drilled)
        except BackupError as error:
            raise CommandError(f"Nothing was noted: {error}.") from None
        if failed := note_drill(output, report):
            raise CommandError(f"Not noted everywhere: {'; '.join(failed)}.")
        self.stdout.write(f"Noted: the drill of {report.name} at {report.at:%Y-%m-%d %H:%M} UTC.")
