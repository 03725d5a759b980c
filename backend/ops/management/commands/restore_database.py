"""`manage.py restore_database FILE [--target-db NAME] [--drop] [--yes]`: let a backup serve, and what came since."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from backend.accounts.phones import normalised
from backend.core import serving
from backend.core.mongo import client
from backend.ops.restore import services
from backend.ops.restore.errors import NotRestored


class Command(BaseCommand):
    """Complete, or the live database serves on as it was. It may be started again wherever it was killed."""

    help = (
        "Restores a backup: maintenance, into the database that rests, compared and checked, with what was revoked, "
        "sold and logged since, then switched; the former one is kept. With --target-db only loads it, to be looked at."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and what to do with it."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--target-db", metavar="NAME", help="load it there and touch nothing that serves")
        parser.add_argument(
            "--drop", action="store_true", help="drop what is in the way: the target, or what the last restore kept"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--without-former",
            action="store_true",
            help="take nothing over from the database that serves: it cannot be read, or not be trusted",
        )
        parser.add_argument(
            "--manager",
            action="append",
            default=[],
            metavar="PHONE",
            help="who may sign in to the back office where nobody knows who was disabled since; may be repeated",
        )
        parser.add_argument(
            "--drain",
            type=float,
            default=services.DRAIN_SECONDS,
            metavar="SECONDS",
            help="from the maintenance to the last look at the former database (60); less may lose what is on its way",
        )

    @no_translations
    def handle(
        self,
        *_args: Any,
        file: Path,
        target_db: str | None,
        drop: bool,
        yes: bool,
        without_former: bool,
        manager: list[str],
        drain: float,
        **_options: Any,
    ) -> None:
        """Ask, restore and say what is to do now; exit 1 with what is wrong, and nothing switched."""
        phones = [normalised(phone) or phone for phone in manager]
        try:
            if target_db is not None:
                self._sure(yes or not drop, f"{target_db} is dropped")
                documents = services.restore_beside(file, target_db, drop=drop, progress=self._told)
                self.stdout.write(f"{target_db}: {documents} documents, compared; its ledger agrees.")
                return
            said = serving.read(client())
            dropped = f", and {serving.resting(said.database)} is dropped" if drop else ""
            self._sure(yes, f"Nobody is served meanwhile, all sessions end, {said.database} is replaced{dropped}")
            done = services.restore(
                file, drop=drop, without_former=without_former, managers=phones, drain=drain, progress=self._told
            )
        except NotRestored as error:
            raise CommandError(f"Nothing was restored: {error}.") from None
        except (PyMongoError, DatabaseError) as error:
            raise CommandError(f"Nothing was restored: the database does not answer ({error}).") from None
        self._say(done)

    def _sure(self, said: bool, what: str) -> None:
        if said:
            return
        try:
            answer = input(f"{what}. Type yes to go on: ")
        except EOFError:
            answer = ""
        if answer.strip() != "yes":
            raise CommandError("Nothing was done. Say --yes where nobody can be asked.")

    def _told(self, step: str) -> None:
        self.stderr.write(step)

    def _say(self, done: services.Restored) -> None:
        self.stdout.write(
            f"{done.database} serves: {done.documents} documents of {done.taken_at}, compared; its ledger agrees. "
            f"{done.former} is kept: drop it by the next restore's --drop. All sessions were ended."
        )
        for name, count in done.carried.items():
            if count:
                self.stdout.write(f"Taken over from {done.former}: {count} of {name}.")
        if done.unbound:
            self.stdout.write(f"{done.unbound} accounts have no machine: approve each at its next log-in.")
        for name in done.closed:
            self.stdout.write(f"Closed for sale: {name}")
        if done.closed:
            self.stdout.write(
                f"Nobody knows what was sold of these {len(done.closed)} showtimes since the backup: "
                "see `manage.py reconcile_sales`."
            )
