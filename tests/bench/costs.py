"""`python -m tests.bench.costs`: the processor time of one call in each server, for docs/guides/capacity.en.md.

Unlike answers a second it hardly depends on what else the machine does, and it adds up: calls times cost is load.
Linux alone, where the system counts it for each process.
"""

import os
import random
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import bson

from tests.bench import logins, sales
from tests.bench.stage import Stage, seed_accounts, stage
from tests.bench.tills import BenchTill, exchange, fresh_nonce, raw_exchange, request

CALLS = 600
TILLS = 200
SCREENS = 20
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
# What each tier's processes have in their command lines.
TIERS = {"application": "backend.wsgi:application", "database": "secantus", "redis": "redis-server"}


def descendants(parent: int) -> Iterator[int]:
    """Yield the processes that `parent` started, and those that they did."""
    for file in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            yield child
            yield from descendants(child)


def processor_ms() -> dict[str, float]:
    """Return the milliseconds that each tier has used so far."""
    used = dict.fromkeys(TIERS, 0.0)
    for process in descendants(os.getpid()):
        try:
            command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        for tier, mark in TIERS.items():
            if mark in command:
                used[tier] += TICK_MS * (int(fields[11]) + int(fields[12]))
    return used


def cost(calls: list[bytes], running: Stage, *, expected: int) -> dict[str, float]:
    """Send the calls one after the other; return the milliseconds of one in each tier."""
    before = processor_ms()
    for call in calls:
        answer = raw_exchange(running.ours, call)
        if int(answer[9:12]) != expected:
            sys.exit(answer.decode("utf-8", "replace"))
    after = processor_ms()
    return {tier: (after[tier] - before[tier]) / len(calls) for tier in TIERS}


def screens_of(till: BenchTill) -> str:
    """Open the ticket screens as this till's session and return their cookie."""
    address = till.send("POST", "/api/v2/web-session").json()["url"]
    entered = exchange(till.server, request(till.server, "GET", address.removeprefix(till.server.public_origin)))
    return entered.headers["set-cookie"].partition(";")[0]


def measured(running: Stage) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the name and the cost of each kind of call."""
    tills = running.tills(0, TILLS)
    nonce = fresh_nonce(running.ours)

    def each(make: Callable[[BenchTill], bytes]) -> list[bytes]:
        for till in tills:
            till.nonce = nonce
        return [make(tills[number % TILLS]) for number in range(CALLS)]

    def log_in(till: BenchTill) -> bytes:
        till.access_token = ""
        return till.signed_request("POST", "/api/v2/login", till.login_body())

    cost(each(log_in), running, expected=200)  # the first of each till fills what is remembered
    yield "log-in", cost(each(log_in), running, expected=200)
    for till in tills:
        till.log_in()
    nonce = fresh_nonce(running.ours)
    yield "heartbeat", cost(each(lambda till: till.signed_request("GET", "/api/v2/session")), running, expected=200)

    showtimes = sales.new_showtimes(4)
    places = [(showtime, pair) for showtime in showtimes for pair in random.sample(sales.PAIRS, CALLS // 4)]
    holds, orders = [], []
    for number, (showtime, pair) in enumerate(places):
        body = sales.hold_body(showtime, pair)
        till = tills[number % TILLS]
        till.nonce = nonce
        holds.append(till.signed_request("POST", "/api/v2/orders", body, idempotency_key=uuid.uuid4().hex))
    yield "hold of two seats", cost(holds, running, expected=201)
    from backend.core.mongo import collection  # noqa: PLC0415 - Django is set up by now

    held = list(collection("orders").find({"state": "held"}, {"total": 1, "staff.phone": 1}))
    by_phone = {till.phone: till for till in tills}
    for order in held:
        body = {"method": "cash", "tendered": str(order["total"])}
        till = by_phone[order["staff"]["phone"]]
        path = f"/api/v2/orders/{order['_id']}/pay"
        orders.append(till.signed_request("POST", path, body, idempotency_key=uuid.uuid4().hex))
    yield "payment", cost(orders, running, expected=200)
    paid = collection("orders").find_one({"state": "paid"})
    print(f"A paid order of two seats has {len(bson.encode(paid or {})):,} bytes, without its part of the indexes.")
    path = f"/till/showtimes/{showtimes[0]}/seat-map"
    for till in tills:  # paying took their nonces
        till.nonce = nonce
    cookies = [f"Cookie: {screens_of(till)}" for till in tills[:SCREENS]]
    look = exchange(running.ours, request(running.ours, "GET", path, None, cookies[0]))
    known = f"If-None-Match: {look.headers['etag']}"
    changed = [request(running.ours, "GET", path, None, cookie) for cookie in cookies] * (CALLS // SCREENS)
    yield "look, changed", cost(changed, running, expected=200)
    same = [request(running.ours, "GET", path, None, cookie, known) for cookie in cookies] * (CALLS // SCREENS)
    yield "look, unchanged", cost(same, running, expected=304)


def main() -> None:
    """Print a table of milliseconds."""
    with stage() as running:
        seed_accounts(running, logins.accounts_needed())
        print(f"{running.database_server}; milliseconds of processor time for a call\n")
        for name, costs in measured(running):
            print(f"{name:<18}" + "".join(f"{tier} {ms:6.2f}   " for tier, ms in costs.items()), flush=True)


if __name__ == "__main__":
    main()
