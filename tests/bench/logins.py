"""Rows of the log-in and the heartbeat: ours with proofs, throttles and revocation, the plain server without."""

from collections.abc import Callable, Iterator, Sequence

from tests.bench.load import Outcome, hammer
from tests.bench.report import Row, compared
from tests.bench.stage import Stage
from tests.bench.tills import BenchTill, exchange, fresh_nonce, request

CONNECTIONS = 16
ACCOUNTS_EACH = 40  # a till's own key may log in once a second, five times at once
EXPECTED_RATE = 100  # requests a second on one connection, at most: so many are signed beforehand
Prepare = Callable[[int], Sequence[bytes]]


def accounts_needed() -> int:
    """Return how many accounts the rows play: those of ours and those of the plain server."""
    return 2 * CONNECTIONS * ACCOUNTS_EACH


def login_rows(stage: Stage, *, rounds: int, seconds: float) -> list[Row]:
    """Return log-ins a second against the plain server, its writes one by one and as one bulk."""
    count = int(EXPECTED_RATE * seconds)
    ours = stage.tills(0, CONNECTIONS * ACCOUNTS_EACH)
    theirs = stage.tills(CONNECTIONS * ACCOUNTS_EACH, CONNECTIONS * ACCOUNTS_EACH)

    def prepare_ours(connection: int) -> Sequence[bytes]:
        nonce = fresh_nonce(stage.ours)
        mine = ours[connection * ACCOUNTS_EACH :][:ACCOUNTS_EACH]
        for till in mine:
            till.nonce, till.access_token = nonce, ""
        return [till.signed_request("POST", "/api/v2/login", till.login_body()) for till in _in_turn(mine, count)]

    def prepare_theirs(path: str) -> Prepare:
        def prepare(connection: int) -> Sequence[bytes]:
            mine = theirs[connection * ACCOUNTS_EACH :][:ACCOUNTS_EACH]
            return [request(stage.plain, "POST", path, till.login_body()) for till in _in_turn(mine, count)]

        return prepare

    one_by_one, as_bulk = [], []
    for number in range(rounds + 1):
        our_rate = _rate(hammer(stage.ours, prepare_ours, connections=CONNECTIONS, seconds=seconds))
        singly = _rate(hammer(stage.plain, prepare_theirs("/login"), connections=CONNECTIONS, seconds=seconds))
        bulk = _rate(hammer(stage.plain, prepare_theirs("/login-bulk"), connections=CONNECTIONS, seconds=seconds))
        if number:  # the first round warms up
            one_by_one.append((our_rate, singly))
            as_bulk.append((our_rate, bulk))
    return [
        compared("log-in, 4 workers, 16 connections, against plain Flask", "/s", one_by_one, reach=0.9),
        compared("the same, against Flask with its writes as one bulk", "/s", as_bulk, reach=None),
    ]


def heartbeat_row(stage: Stage, *, rounds: int, seconds: float) -> Row:
    """Return heartbeats a second against a token check and one find."""
    count = int(2 * EXPECTED_RATE * seconds)
    ours = stage.tills(0, CONNECTIONS)
    theirs = stage.tills(CONNECTIONS * ACCOUNTS_EACH, CONNECTIONS)
    for till in ours:
        till.log_in()
    tokens = [
        exchange(stage.plain, request(stage.plain, "POST", "/login", till.login_body())).json()["accessToken"]
        for till in theirs
    ]

    def prepare_ours(connection: int) -> Sequence[bytes]:
        till = ours[connection]
        till.nonce = fresh_nonce(stage.ours)
        return [till.signed_request("GET", "/api/v2/session") for _ in range(count)]

    def prepare_theirs(connection: int) -> Sequence[bytes]:
        line = f"Authorization: Bearer {tokens[connection]}"
        return [request(stage.plain, "GET", "/session", None, line)] * count

    measured = []
    for number in range(rounds + 1):
        our_rate = _rate(hammer(stage.ours, prepare_ours, connections=CONNECTIONS, seconds=seconds))
        their_rate = _rate(hammer(stage.plain, prepare_theirs, connections=CONNECTIONS, seconds=seconds))
        if number:
            measured.append((our_rate, their_rate))
    return compared("heartbeat, against Flask with a token check and one find", "/s", measured, reach=0.9)


def _in_turn(tills: Sequence[BenchTill], count: int) -> Iterator[BenchTill]:
    for number in range(count):
        yield tills[number % len(tills)]


def _rate(outcome: Outcome) -> float:
    """Return the answers a second; raises RuntimeError where one was no success, since that would be too easy."""
    if set(outcome.statuses) != {200}:
        raise RuntimeError(f"not every answer was 200: {dict(outcome.statuses)}")
    return outcome.rate(200)
