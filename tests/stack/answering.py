"""A WSGI application that is quick to start and slow to answer: `gunicorn tests.stack.answering:application`."""

import time
from collections.abc import Callable, Iterable
from typing import Any

ANSWER_SECONDS = 0.02


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Read the request, take a moment, answer."""
    environ["wsgi.input"].read()
    time.sleep(ANSWER_SECONDS)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
