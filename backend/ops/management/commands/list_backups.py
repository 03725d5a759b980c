"""`manage.py list_backups [--output DIR]`: which backups there are."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, no_translations
from django.template.defaultfilters import filesizeformat

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
        """Print a line for each."""
        backups = backups_in(output)
        for backup in backups:
            self.stdout.write(
                f"{backup.path.name}  {backup.taken_at:%Y-%m-%d %H:%M:%S} UTC  {filesizeformat(backup.size)}"
            )
        if not backups:
            self.stdout.write(f"There is no backup in {output}.")
