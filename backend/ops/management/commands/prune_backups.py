"""`manage.py prune_backups [--dry-run] [--output DIR]`: remove the backups that are no longer needed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.core import clock
from backend.ops.backup.options import add_directory
from backend.ops.backup.services import prune
from backend.ops.backup.shelf import Retention


class Command(BaseCommand):
    """Keep the newest of 7 days, 4 weeks and 12 months, and the newest 7 in any case. Needs no database."""

    help = "Removes backups; keeps one of each of 7 days, 4 weeks and 12 months, and always the newest 7."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the directory, and whether only to say."""
        add_directory(parser)
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *_args: Any, output: Path, dry_run: bool, **_options: Any) -> None:
        """Print each that goes."""
        try:
            removed = prune(output, retention=Retention(), now=clock.now(), dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be removed ({error.strerror}).") from None
        for backup in removed:
            self.stdout.write(f"{'Would remove' if dry_run else 'Removed'} {backup.path.name}.")
        if not removed:
            self.stdout.write("Nothing to remove.")
