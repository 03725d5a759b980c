"""The server on a clock that jumps: `CLOCK` names a file with the minutes that it is ahead of this machine's."""

import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import time_machine

from backend.wsgi import application as application

CLOCK = Path(os.environ["CLOCK"])
LOOK_EVERY_SECONDS = 0.1


def follow() -> None:
    """Set this process's clock whenever the file changes; what is measured monotonically goes on."""
    ahead, journey = 0, None
    while True:
        told = int(CLOCK.read_text(encoding="ascii") or ahead)
        if told != ahead:
            if journey:
                journey.stop()
            ahead, journey = told, time_machine.travel(timedelta(minutes=told), tick=True)
            journey.start()
        time.sleep(LOOK_EVERY_SECONDS)


threading.Thread(target=follow, daemon=True).start()
