"""Tombstones: what tells every worker within a second that a session is over, whatever copy of it Redis holds."""

import logging
import threading
import time
from collections.abc import Mapping

from bson import ObjectId
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from backend.core import metrics
from backend.core.redis import redis

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.2
LASTS_BEYOND = 3600  # seconds past the longest session


def write(server: Redis, ended: Mapping[ObjectId, str]) -> None:
    """Put a tombstone for each session (id to reason). Copies lapse by themselves and are never asked before it."""
    seconds = settings.REFRESH_TOKEN_SECONDS + LASTS_BEYOND
    for session, reason in ended.items():  # one, but for the sweeper: no pipeline, which costs more to set up
        server.execute_command("SET", f"ended:{session}", reason, "EX", seconds)  # type: ignore[no-untyped-call]


class _Debts:
    """Tombstones that Redis did not take, tried again until it does: else a copy would outlive the session."""

    def __init__(self) -> None:
        self.ended: dict[ObjectId, str] = {}
        self.guard = threading.Lock()
        self.payer: threading.Thread | None = None

    def add(self, ended: Mapping[ObjectId, str]) -> None:
        """Take these on; one thread of this process pays all."""
        with self.guard:
            self.ended.update(ended)
            metrics.revocations_owed.set(len(self.ended))
            if self.payer is None:
                self.payer = threading.Thread(target=self._pay, name="tombstones", daemon=True)
                self.payer.start()

    def _pay(self) -> None:
        while True:
            time.sleep(RETRY_SECONDS)
            with self.guard:
                owed = dict(self.ended)
            server = redis()
            try:
                if server is not None:
                    write(server, owed)
            except RedisError:
                continue
            with self.guard:
                self.ended = {session: reason for session, reason in self.ended.items() if session not in owed}
                metrics.revocations_owed.set(len(self.ended))
                if not self.ended:
                    self.payer = None
                    log.warning("redis answers again: %d revocation(s) written", len(owed))
                    return


DEBTS = _Debts()
