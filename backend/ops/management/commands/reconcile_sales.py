"""`manage.py reconcile_sales [--from DATABASE | --open ID ...]`: sell again what a restore closed."""

from argparse import ArgumentParser
from typing import Any

from bson import ObjectId
from django.core.management.base import BaseCommand, CommandError, no_translations

from backend.core import clock
from backend.core.mongo import client, database_name
from backend.core.problems import NotFound
from backend.ops.restore.errors import NotReconciled
from backend.ops.restore.names import is_ours
from backend.ops.restore.reconciling import open_by_name, reconcile
from backend.programme.reopening import CLOSED, closed_showtimes, name_of


class Command(BaseCommand):
    """Without an option it lists them."""

    help = (
        "Lists the showtimes that a restore closed for sale; takes over what another database knows of their sales and "
        "opens them, or opens some by name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take from where, or which."""
        either = parser.add_mutually_exclusive_group()
        either.add_argument("--from", dest="source", metavar="DATABASE", help="whose orders are taken over")
        either.add_argument(
            "--open", nargs="+", default=[], metavar="ID", help="open these although nobody knows what was sold of them"
        )

    @no_translations
    def handle(self, *_args: Any, source: str | None = None, open: list[str], **_options: Any) -> None:  # noqa: A002
        """Do it, and list what is still closed; exit 1 where a ledger does not agree."""
        disagreeing = 0
        if source is not None:
            disagreeing = self._reconcile(source)
        if open:
            self._open(open)
        left = closed_showtimes()
        for show in left:
            until = clock.iso(show[CLOSED]["salesEndAt"])
            self.stdout.write(f"{show['_id']}  {show['cinemaName']} {name_of(show)}, was to be sold until {until}")
        self.stdout.write(f"{len(left)} showtimes are closed." if left else "No showtime is closed.")
        if disagreeing:
            raise CommandError(f"{disagreeing} showtimes stay closed: their seats and orders do not agree.")

    def _reconcile(self, source: str) -> int:
        if not is_ours(source) or source == database_name() or not client()[source].list_collection_names():
            raise CommandError(f"{source!r} is no other database that holds anything.")
        try:
            done = reconcile(client()[source], now=clock.now())
        except NotReconciled as error:
            raise CommandError(f"Nothing was opened: {error}.") from None
        for each in done:
            self.stdout.write(f"{name_of(each.showtime)}: {each.orders} orders taken over from {source}.")
            for breach in each.breaches:
                self.stderr.write(str(breach))
        return sum(bool(each.breaches) for each in done)

    def _open(self, showtimes: list[str]) -> None:
        try:
            open_by_name([ObjectId(each) for each in showtimes if self._is_id(each)], now=clock.now())
        except NotFound:
            raise CommandError("One of these showtimes is not there; those before it are open.") from None

    def _is_id(self, text: str) -> bool:
        if not ObjectId.is_valid(text):
            raise CommandError(f"{text} is no showtime's id: see the list without an option.")
        return True
