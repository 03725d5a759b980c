"""`manage.py sweep [--once] [--alive FILE] [--metrics-port N]`: end what time has ended and what a crash left.

A revocation whose process was killed before Redis heard of it is such a thing too, and a session that a later log-in
of the same account did not end.
"""

import logging
import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError
from prometheus_client import start_http_server
from pymongo.errors import PyMongoError

from backend.accounts.sessions import bury_again, end_superseded
from backend.audit.selectors import share_of_one_private_address
from backend.boxoffice.services.sweep import Swept, queue_ages, sweep
from backend.core import clock, metrics, serving

EVERY_SECONDS = 2.0
LOG_INS_EVERY = timedelta(minutes=1)
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """End lapsed holds and finish what a crash left. Two at once are harmless."""

    help = "Ends lapsed holds and finishes what a crash left, every 2 seconds."
    look_at_log_ins_from = datetime.min.replace(tzinfo=UTC)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the options."""
        parser.add_argument("--once", action="store_true", help="sweep once and end")
        parser.add_argument("--alive", type=Path, metavar="FILE", help="touch this file after each round")
        parser.add_argument("--metrics-port", type=int, metavar="N", help="show figures for Prometheus on this port")

    def handle(
        self,
        *_args: Any,
        once: bool = False,
        alive: Path | None = None,
        metrics_port: int | None = None,
        **_options: Any,
    ) -> None:
        """Sweep, again and again; a database that is away is asked again."""
        if metrics_port is not None:
            start_http_server(metrics_port)
        while True:
            try:
                swept = self._round()
            except (PyMongoError, DatabaseError):
                if once:
                    raise
                log.warning("sweep: the database did not answer, trying again")
            else:
                done = f"expired {swept.expired}, finished {swept.finished}, dropped {swept.claims} claims"
                if once:
                    self.stdout.write(done)
                elif swept:
                    log.info(done)
            if alive is not None:  # a health check sees that it goes on, with or without a database
                alive.touch()
            if once:
                return
            time.sleep(EVERY_SECONDS)

    def _round(self) -> Swept:
        """Sweep once. In maintenance nothing is touched: a restore reads what is here."""
        maintenance = serving.follow().maintenance
        if maintenance is not None:
            metrics.maintenance.set((clock.now() - maintenance.since).total_seconds())
            metrics.swept.set(clock.now().timestamp())  # it is not stuck
            return Swept()
        metrics.maintenance.set(0)
        swept = sweep(now=clock.now())
        end_superseded(clock.now())
        bury_again(clock.now())
        self._show(clock.now())
        return swept

    def _show(self, now: datetime) -> None:
        """Say when a round ended, what it left, and, once a minute, where log-ins come from."""
        for queue, age in queue_ages(now).items():
            metrics.queue_ages.labels(queue).set(age)
        if now >= self.look_at_log_ins_from:
            metrics.log_ins_of_one_address.set(share_of_one_private_address(now))
            self.look_at_log_ins_from = now + LOG_INS_EVERY
        metrics.swept.set(now.timestamp())
