"""`manage.py verify_backup FILE`: read a backup to its end and hold it against its manifest."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.ops.backup.archive import verify
from backend.ops.backup.errors import BackupError, Damaged
from backend.ops.backup.options import told_to


class Command(BaseCommand):
    """Needs no database."""

    help = "Reads a backup to its end and checks each file and document count; exits 1 where anything is wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """Say what it holds, or exit 1 with what is wrong."""
        try:
            manifest = verify(file, progress=told_to(self.stderr))
        except Damaged as error:
            raise CommandError(f"{file.name} is damaged: {error}. Use another backup.") from None
        except BackupError as error:
            raise CommandError(f"{file.name} could not be read: {error}.") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be read ({error.strerror}).") from None
        documents = sum(each.documents or 0 for each in manifest.files.values())
        moment = "of one moment" if manifest.snapshot else "NOT of one moment"
        self.stdout.write(
            f"{file.name} is whole: {manifest.database}, {manifest.taken_at}, {documents} documents, {moment} "
            f"({manifest.consistency})."
        )
