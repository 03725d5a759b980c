"""`manage.py list_backups [--output DIR]`: which backups there are, and which are off-site."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, no_translations
from django.template.defaultfilters import filesizeformat

from backend.ops.backup import records
from backend.ops.backup.options import add_directory
from backend.ops.backup.shelf import backups_in


class Command(BaseCommand):
    """The newest first. Needs no database."""

    help = "Lists the backups, the newest first."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the directory."""
        add_directory(parser)

    @no_translations
    def handle(self, *_args: Any, output: Path, **_options: Any) -> None:
        """Print a line for each, and whether a copy is off-site."""
        backups, kept = backups_in(output), records.directory_for(output)
        for backup in backups:
            line = f"{backup.path.name}  {backup.taken_at:%Y-%m-%d %H:%M:%S} UTC  {filesizeformat(backup.size)}"
            self.stdout.write(line + self._whereabouts(records.read(kept, backup)))
        if not backups:
            self.stdout.write(f"There is no backup in {output}.")

    def _whereabouts(self, record: records.Record | None) -> str:
        if record is None:
            return "  only here"
        if record.sent_at is None:
            return f"  being sent: {len(record.parts) * record.part_size * 100 // record.size} %"
        return f"  off-site since {record.sent_at}: {record.bucket}/{record.key}"
