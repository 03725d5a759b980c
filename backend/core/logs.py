"""Log lines: one line each, numbered like the request, without secrets and without phones."""

import json
import logging
import re
import time
from contextvars import ContextVar

from django.http import HttpRequest

current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
METHOD = re.compile(r"[A-Z]{3,8}")  # a caller may send any word
# One-time addresses, tokens, connection strings, phones: what stands in them never belongs in a log.
SLASH, GAP = r"(?:/|%2[Ff])", r"(?:[\s._+-]|%20|%2[BDbd])?"
# A name in which one of these words stands; what it is said to be is the secret.
NAMED = r"(?i)((?:passw|secret|token|dpop|(?:activation|one.?time)[_-]?code|csrf|\bpin\b)[\w-]{0,30}"
SECRETS = [
    (re.compile(rf"({SLASH}till{SLASH}enter{SLASH})[^/\s\"'?%]+"), r"\1***"),
    (re.compile(r"(?i:eyj)[\w-]{4,}(?:\.[\w-]+)+|eyJ[\w-]{8,}"), "***"),
    (re.compile(r"((?:mongodb(?:\+srv)?|rediss?)://[^:/@\s]*:)[^@\s]+@"), r"\1***@"),
    (re.compile(r"(?i)((?:cookie|authorization)[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\r\n\"']+)"), r"\1***"),
    (re.compile(r"(?i)(\b(?:till|admin|sessionid)=)[^\s;,&}]+"), r"\1***"),
    (re.compile(NAMED + r"[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}]+)"), r"\1***"),
    (
        # However it is written: with gaps, a leading 0, +86 or 0086, full-width digits, after an escape of an address.
        re.compile(
            rf"((?:(?<!\d)|(?<=%[0-9A-Fa-f]{{2}}))(?:[+＋]|%2[Bb]|00)?(?:[8８][6６])?{GAP}[0０]?"
            rf"[1１][3-9３-９]\d){GAP}\d{{4}}{GAP}\d{{2}}(\d{{2}})(?!\d)"
        ),
        r"\1******\2",
    ),
    (re.compile(r"(\+[1-9]\d{1,3})\d{4,9}(\d{2})(?!\d)"), r"\1******\2"),  # of other countries
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
        record.masked = True
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


class JsonFormatter(logging.Formatter):
    """Write one JSON object a line: what happened, in which request, by whom, on which machine.

    Everything but ASCII is escaped, so that no message ends a line, begins a second or moves a terminal's cursor.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one masked line."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            # Once is enough: masking is half of what a line costs.
            "message": record.getMessage() if getattr(record, "masked", False) else masked(record.getMessage()),
            "requestId": getattr(record, "request_id", "-"),
        }
        if (request := current_request.get()) is not None:
            line |= _of(request)
        for name in ("status", "milliseconds"):
            if name in record.__dict__:
                line[name] = record.__dict__[name]
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = masked(record.stack_info)
        return json.dumps(line)


def _of(request: HttpRequest) -> dict[str, object]:
    """Return what a log says of a request; the address stays out, for it can hold a phone."""
    match, actor = request.resolver_match, getattr(request, "actor", None)
    method = request.method if METHOD.fullmatch(request.method or "") else "other"
    about: dict[str, object] = {"method": method, "route": match.route if match else "other"}
    if actor is not None:
        about |= {"staff": str(actor.id), "device": actor.device}
    return about
