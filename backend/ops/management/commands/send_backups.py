"""`manage.py send_backups [--once] [--alive FILE] [--metrics-port N] [--output DIR]`: copy backups off-site."""

import logging
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from prometheus_client import start_http_server

from backend.core import clock
from backend.ops.backup import figures
from backend.ops.backup.errors import BackupError
from backend.ops.backup.offsite import Store, send_waiting, store
from backend.ops.backup.options import add_directory, told_to

EVERY_SECONDS = 60.0
AGAIN_SECONDS = 300.0  # after a failure
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Needs no database: who has a way out to the internet reaches no data but encrypted backups."""

    help = "Sends backups that are not off-site yet, every minute, and shows figures of all backups to Prometheus."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the options."""
        add_directory(parser)
        parser.add_argument("--once", action="store_true", help="send what waits and end; exits 1 where that fails")
        parser.add_argument("--alive", type=Path, metavar="FILE", help="touch this file after each round")
        parser.add_argument("--metrics-port", type=int, metavar="N", help="show figures for Prometheus on this port")

    @no_translations
    def handle(
        self,
        *_args: Any,
        output: Path,
        once: bool = False,
        alive: Path | None = None,
        metrics_port: int | None = None,
        **_options: Any,
    ) -> None:
        """Send, again and again; without a store there is nothing to send, and figures alone are shown."""
        try:
            to = store()
        except BackupError as error:
            raise CommandError(f"{error}.") from None
        if once and to is None:
            raise CommandError("BACKUP_OFFSITE_ENDPOINT is not set: there is nowhere to send backups to.")
        if metrics_port is not None:
            start_http_server(metrics_port, registry=figures.registry(output, off_site=to is not None, now=clock.now))
        while True:
            pause = EVERY_SECONDS if self._sent(output, to, once=once) else AGAIN_SECONDS
            if alive is not None:
                alive.touch()
            if once:
                return
            time.sleep(pause)

    def _sent(self, output: Path, to: Store | None, *, once: bool) -> bool:
        """Send what waits and say so; return whether that went well."""
        try:
            sent = send_waiting(output, to, now=clock.now, progress=told_to(self.stderr)) if to else []
        except BackupError as error:
            if once:
                raise CommandError(f"{error}. The next run tries again.") from None
            log.warning("%s; trying again", error)
            return False
        for backup in sent:
            self.stdout.write(f"{backup.path.name} is off-site.")
        if once and not sent:
            self.stdout.write("Nothing to send.")
        return True
