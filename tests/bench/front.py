"""Rows of nginx: log-in and seat-map poll over TLS with every limit on, against gunicorn directly."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from backend.devtools import nginx
from backend.devtools.certificates import ensure_certificates
from backend.devtools.children import free_port, running
from tests.bench.kept import kept_open
from tests.bench.load import Connect, Outcome, hammer
from tests.bench.logins import ACCOUNTS_EACH, CONNECTIONS, EXPECTED_RATE
from tests.bench.report import Row, compared
from tests.bench.sales import new_showtimes
from tests.bench.stage import WORKERS, Stage
from tests.bench.tills import BenchTill, Server, fresh_nonce
from tests.support.workers import gunicorn

REACH = 0.85
Prepare = Callable[[int], Sequence[bytes]]


def front_rows(stage: Stage, *, rounds: int, seconds: float) -> list[Row]:
    """Return log-ins and polls a second through nginx, against the same gunicorn asked directly, turn by turn.

    Tills keep their connections, as they do at work, and each connection comes from an address of its own: what nginx
    grants one address is far less than one machine can send.
    """
    with front(stage) as (direct, through_nginx):
        tills = [replace(till, server=direct) for till in stage.tills(0, CONNECTIONS * ACCOUNTS_EACH)]
        count = int(2 * EXPECTED_RATE * seconds)
        sides = [kept_open(direct.port), through_nginx]

        def measure(prepare: Prepare) -> list[tuple[float, float]]:
            rates = []
            for number in range(rounds + 1):
                by_gunicorn, by_nginx = (
                    _rate(hammer(direct, prepare, connections=CONNECTIONS, seconds=seconds, connect=side))
                    for side in sides
                )
                if number:  # the first round warms up
                    rates.append((by_nginx, by_gunicorn))
            return rates

        log_ins = measure(log_in_requests(tills, count))
        polls = measure(poll_requests(tills, count))
    return [
        compared("log-in through nginx, TLS and limits, against gunicorn directly", "/s", log_ins, reach=REACH),
        compared("seat-map poll, the same", "/s", polls, reach=REACH),
    ]


def log_in_requests(tills: Sequence[BenchTill], count: int) -> Prepare:
    """Return what gives each connection its log-ins."""

    def prepare(connection: int) -> list[bytes]:
        mine = _of(tills, connection)
        for till in mine:
            till.nonce, till.access_token = fresh_nonce(till.server) if till is mine[0] else mine[0].nonce, ""
        return [
            till.signed_request("POST", "/api/v2/login", till.login_body())
            for till in (mine[number % len(mine)] for number in range(count))
        ]

    return prepare


def poll_requests(tills: Sequence[BenchTill], count: int) -> Prepare:
    """Return what gives each connection its polls of one hall, which nobody sells in: each is a 304."""
    path = f"/api/v2/showtimes/{new_showtimes(1)[0]}/seat-map"
    for till in tills:
        till.log_in()
    known = tills[0].send("GET", path).headers["etag"]

    def prepare(connection: int) -> list[bytes]:
        mine = _of(tills, connection)
        nonce = fresh_nonce(mine[0].server)
        for till in mine:
            till.nonce = nonce
        return [
            till.signed_request("GET", path, None, f"If-None-Match: {known}")
            for till in (mine[number % len(mine)] for number in range(count))
        ]

    return prepare


@contextmanager
def front(stage: Stage) -> Iterator[tuple[Server, Connect]]:
    """Run gunicorn with production's configuration and nginx before it; yield gunicorn, and the way through nginx."""
    with ExitStack() as started:
        directory = Path(started.enter_context(TemporaryDirectory(prefix="bench-front-", ignore_cleanup_errors=True)))
        # Kept connections would notice a worker that is replaced; so none is.
        arguments = "--config docker/gunicorn.conf.py --max-requests 0"
        settings = {"GUNICORN_CMD_ARGS": arguments, "WEB_CONCURRENCY": str(WORKERS), "TRUSTED_PROXIES": "127.0.0.1"}
        origin = started.enter_context(gunicorn(workers=WORKERS, environment=settings))
        upstream_port, port = int(urlsplit(origin).port or 0), free_port()
        ca_file, certificate, key = ensure_certificates(directory / "tls")
        configuration = nginx.write_configuration(
            directory / "nginx",
            port=port,
            redirect_port=free_port(),
            till_ports=[upstream_port],
            office_ports=[upstream_port],
            certificate=certificate,
            key=key,
            static=Path(os.environ["VAR_DIR"]) / "static",
            origin=stage.ours.public_origin,
        )
        child = started.enter_context(running(nginx.nginx(configuration)))
        connect = kept_open(port, ssl.create_default_context(cafile=str(ca_file)))
        child.wait_until(lambda: _listens(port), seconds=10)
        yield replace(stage.ours, port=upstream_port), connect


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _of(tills: Sequence[BenchTill], connection: int) -> Sequence[BenchTill]:
    return tills[connection * ACCOUNTS_EACH :][:ACCOUNTS_EACH]


def _rate(outcome: Outcome) -> float:
    """Return the answers a second; raises RuntimeError where one was a refusal, since that would be too easy."""
    if not set(outcome.statuses) <= {200, 304}:
        raise RuntimeError(f"not every answer was a good one: {dict(outcome.statuses)}")
    return outcome.rate(200, 304)
