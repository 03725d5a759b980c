"""Tills that go on selling whatever happens, as the shell and its people do, and what they saw of it."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from backend.devtools.stack import Stack
from shell_client.api.clock import ServerClock
from tests.stack.opening import SEATS
from tests.support.fixtures import over_network
from tests.support.till import Answer, Till, order_for

PAUSE_SECONDS = 0.3  # between two customers, and before trying again
PATIENCE_SECONDS = 60.0  # with one call: a key of whose worker nothing is known is free again after half of it
CHALLENGES = frozenset({"use_dpop_nonce", "clock_skew"})
BUSY = frozenset({429, 502, 503, 504})


class SteadyTill(Till):
    """A till that counts time from the server's, as the shell does, and answers each challenge by a new proof."""

    def __init__(self, stack: Stack, phone: str) -> None:
        super().__init__(over_network(stack.origin, ca_file=stack.ca_file), origin=stack.origin, phone=phone)
        self.clock = ServerClock()

    def claims(self, method: str, path: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of a right proof, at the server's time."""
        return super().claims(method, path, **{"iat": int(self.clock.now()), **changes})

    def request(self, *args: Any, **kwargs: Any) -> Answer:
        """Send one proven request, twice again where its nonce or its time was refused."""
        for _challenge in range(3):
            answer = super().request(*args, **kwargs)
            self.clock.learn(answer.headers.get("Date"))
            if answer.status_code != 401 or answer.json().get("code") not in CHALLENGES:
                break
        return answer


@dataclass
class Seen:
    """What one till met.

    Args:
        sold: orders whose payment was acknowledged: when that was (monotonic seconds), the order's id, its seat.
        trouble: everything else that it was told, `503 unavailable`, or how a call ended without an answer.
        waits: how long each sale took, in seconds.
    """

    sold: list[tuple[float, str, str]] = field(default_factory=list)
    trouble: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)


class Seller:
    """One person at one till: sells a seat after another, and tries again, by the same key, what had no good answer."""

    def __init__(self, till: SteadyTill, seats: Iterator[tuple[str, str]], enough: threading.Event) -> None:
        self.till = till
        self.seats = seats
        self.enough = enough
        self.seen = Seen()

    def work(self) -> None:
        """Sell until told that it is enough; what was begun then is finished."""
        while not self.enough.wait(PAUSE_SECONDS):
            began = time.monotonic()
            showtime, seat = next(self.seats)
            order = self.until_answered("POST", "/api/v2/orders", order_for(showtime, [seat]))
            if order is None:
                continue
            path, body = f"/api/v2/orders/{order['id']}/pay", {"method": "cash", "tendered": order["total"]}
            if self.until_answered("POST", path, body) is not None:
                self.seen.sold.append((time.monotonic(), order["id"], seat))
                self.seen.waits.append(time.monotonic() - began)

    def until_answered(self, method: str, path: str, body: Any) -> dict[str, Any] | None:
        """Return what a call brought, sent by one key as often as it takes; None where a rule refused it."""
        key = uuid.uuid4().hex
        began = time.monotonic()
        while not (self.enough.is_set() and time.monotonic() - began > PATIENCE_SECONDS):
            try:
                answer = self.till.request(method, path, body, idempotency_key=key)
            except requests.RequestException as error:
                self.seen.trouble[type(error).__name__] += 1
                time.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code < 300:
                return dict(answer.json())
            code = str(answer.json().get("code"))
            self.seen.trouble[f"{answer.status_code} {code}"] += 1
            if code in {"invalid_token", "session_revoked"}:
                self.come_back()
            elif answer.status_code in BUSY or code == "still_running":
                time.sleep(PAUSE_SECONDS)
            else:
                return None
        raise TimeoutError(f"{path} had no answer: {self.seen.trouble}")

    def come_back(self) -> None:
        """Renew the tokens, as the shell does by itself; log in again where that is refused."""
        try:
            if self.till.refresh().status_code != 200:
                answer = self.till.try_log_in()
                self.seen.trouble[f"log-in {answer.status_code}"] += 1
        except requests.RequestException as error:
            self.seen.trouble[type(error).__name__] += 1
        time.sleep(PAUSE_SECONDS)


class Sales:
    """Sellers at work."""

    def __init__(self, sellers: Sequence[Seller]) -> None:
        self.sellers = sellers

    def sold(self) -> dict[str, str]:
        """Return every order whose payment was acknowledged, and its seat."""
        return {order: seat for seller in self.sellers for _at, order, seat in list(seller.seen.sold)}

    def trouble(self) -> Counter[str]:
        """Return all that the tills were told but the good news."""
        return sum((seller.seen.trouble for seller in self.sellers), Counter())

    def longest_wait(self) -> float:
        """Return how long the slowest sale took, in seconds."""
        return max(wait for seller in self.sellers for wait in seller.seen.waits)

    def well_after(self, moment: float, *, within: float) -> float:
        """Return how many seconds after `moment` (monotonic) every till had sold again; fail where one had not."""
        while True:
            firsts = [next((at for at, *_ in list(each.seen.sold) if at > moment), None) for each in self.sellers]
            if None not in firsts:
                return max(at for at in firsts if at is not None) - moment
            assert time.monotonic() < moment + within, f"not well within {within} s: {self.trouble()}"
            time.sleep(0.05)


@contextmanager
def selling(tills: Sequence[SteadyTill], showtimes: Sequence[Sequence[str]]) -> Iterator[Sales]:
    """Have `tills` sell for the length of the block, each the seats of its own showtimes."""
    enough = threading.Event()
    sellers = [
        Seller(till, iter([(showtime, seat) for showtime in mine for seat in SEATS]), enough)
        for till, mine in zip(tills, showtimes, strict=True)
    ]
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below, where the test sees it
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(seller.work,)) for seller in sellers]
    for thread in threads:
        thread.start()
    try:
        yield Sales(sellers)
    finally:
        enough.set()
        for thread in threads:
            thread.join(60)
    assert not errors, errors
    assert not [thread for thread in threads if thread.is_alive()], "a till waits for ever"
