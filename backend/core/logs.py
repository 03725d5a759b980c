"""Log lines: one line each, numbered like the request, without secrets."""

import logging
import re
import time

# One-time addresses, tokens and connection strings: what stands in them never belongs in a log.
SECRETS = [
    (re.compile(r"(/till/enter/)[^/\s\"']+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "***"),
    (re.compile(r"((?:mongodb(?:\+srv)?|rediss?)://[^:/@\s]*:)[^@\s]+@"), r"\1***@"),
]


def masked(text: str) -> str:
    """Return `text` with every secret replaced by `***`."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class MaskSecrets(logging.Filter):
    """Mask secrets in a record before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask, and keep the record."""
        record.msg, record.args = masked(record.getMessage()), None
        return True


class AddRequestId(logging.Filter):
    """Give each record the number of the request that it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the number, and keep the record."""
        from backend.core.middleware import current_request_id  # noqa: PLC0415  # settings load before apps do

        record.request_id = current_request_id.get()
        return True


class OneLineFormatter(logging.Formatter):
    """Write `time level logger request-id message` on one line: a newline in it forges no second entry."""

    converter = staticmethod(time.gmtime)  # a log of several machines is in UTC
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one masked line."""
        return masked(super().format(record)).replace("\r", "\\r").replace("\n", "\\n")
