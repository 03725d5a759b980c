"""`manage.py migrate_database [--wait 120] [--backup]`: bring the database to this release, safely and again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, no_translations

from backend.ops import lease, migration

LEASE = "migration"


class Command(BaseCommand):
    """Migrations and indexes, by one job at a time. It may be killed at any point and started again."""

    help = "Migrates the database and makes its indexes; one at a time. One that was killed may be started again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how long to wait, and whether to back up first."""
        parser.add_argument(
            "--wait", type=float, default=0.0, metavar="SECONDS", help="how long to wait for another such job (0)"
        )
        parser.add_argument("--backup", action="store_true", help="run backup_database first, and stop where it fails")

    @no_translations
    def handle(self, *_args: Any, wait: float, backup: bool, verbosity: int, **_options: Any) -> None:
        """Migrate; raises CommandError with one line where another job is at it."""
        try:
            with lease.held(LEASE, wait=wait) as held, migration.fenced(held.confirm):
                if backup:
                    self.back_up()
                self.refuse_duplicates()
                with migration.resumable():
                    call_command("migrate", interactive=False, verbosity=verbosity)
                call_command("create_indexes", verbosity=verbosity)
        except lease.Held as other:
            raise CommandError(f"Another job migrates this database: {other}.") from None
        except lease.Lost as lost:
            raise CommandError(f"{lost} Start the job again.") from None

    def back_up(self) -> None:
        """Take a backup and read it back; raises CommandError where that is not possible."""
        if "backup_database" not in get_commands():
            raise CommandError("This release has no backup_database: back up by other means, and leave out --backup.")
        call_command("backup_database")

    def refuse_duplicates(self) -> None:
        """Raise CommandError, before anything is changed, where documents stand in the way of a unique index."""
        found = list(migration.duplicates())
        for line in found:
            self.stderr.write(line)
        if found:
            raise CommandError("Nothing was changed: these documents must differ before their index can be made.")
