"""The order whose payment began last, on disk before the payment is sent: where a till opens after a power cut."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path

from shell_client.kept import keep

log = logging.getLogger(__name__)

FILE_NAME = "last-order.json"
KEPT_SECONDS = 12 * 3600
"""A working day: the order of another day is no longer at the counter."""
_ORDER_ID = re.compile(r"[0-9a-f]{24}")


def begin_payment(data_dir: Path, order_id: str) -> None:
    """Keep the order's id; a full disk must not stop the sale, so then only the log knows."""
    try:
        keep(data_dir / FILE_NAME, json.dumps({"order": order_id, "at": int(time.time())}) + "\n")
    except OSError as error:
        log.warning("the order under payment could not be kept: %s", error)


def last_order(data_dir: Path) -> str | None:
    """Return the order's id where one was kept within a working day and the file is whole."""
    try:
        kept = json.loads((data_dir / FILE_NAME).read_text("utf-8"))
        order, at = kept["order"], kept["at"]
        if _ORDER_ID.fullmatch(order) and abs(time.time() - at) < KEPT_SECONDS:
            return str(order)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged: %r", FILE_NAME, error)
    return None


def forget_order(data_dir: Path) -> None:
    """Forget it: the person has seen it, or the program ends in order."""
    try:
        (data_dir / FILE_NAME).unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s could not be removed: %s", FILE_NAME, error)
