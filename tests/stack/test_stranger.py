"""One address, a stranger and a cinema: he tries with ever new keys, and nobody who works there notices."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.devtools.stack import Stack
from tests.stack.opening import SEATS, Opening, opened, till_of
from tests.support.fixtures import over_network
from tests.support.till import Answer, DeviceKey, Till

pytestmark = pytest.mark.slow

STAFF = 20
A_SECOND = 10
# What he can use up is used up by then, and stays so: 60 failures of his address a minute after 6 s, 5 of each of the
# 20 phones after 10 s; nginx's 20 requests a second are never. So 14 s show what a minute would.
SECONDS = 14
USED_UP_AFTER = 12


class Stranger:
    """Tries the phones of all staff in turn, each time by a new key, from the address of the cinema."""

    def __init__(self, stack: Stack, phones: list[str]) -> None:
        self.send = over_network(stack.origin, ca_file=stack.ca_file)
        self.origin = stack.origin
        self.phones = phones
        self.nonce = self.send("GET", "/api/v2/client/latest", None, {}).headers["DPoP-Nonce"]
        self.answers: list[Answer] = []
        self.enough = threading.Event()

    def work(self) -> None:
        """Try until told that it is enough."""
        began = time.monotonic()
        while not self.enough.wait(max(0.0, began + len(self.answers) / A_SECOND - time.monotonic())):
            phone = self.phones[len(self.answers) % len(self.phones)]
            till = Till(self.send, origin=self.origin, phone=phone, key=DeviceKey())
            till.nonce = self.nonce
            self.answers.append(till.try_log_in())
            self.nonce = till.nonce or self.nonce


@pytest.fixture(scope="module")
def cinema(stack: Stack) -> Opening:
    """Twenty sellers and a showtime."""
    return opened(stack, staff=STAFF, showtimes=1)


@pytest.fixture(scope="module")
def tills(stack: Stack, cinema: Opening) -> list[Till]:
    """Their machines, bound yesterday."""
    return [till_of(stack, phone).log_in() for phone in cinema.phones]


@pytest.fixture
def stranger(stack: Stack, cinema: Opening) -> Iterator[Stranger]:
    """He is at work for the length of the test."""
    stranger = Stranger(stack, cinema.phones)
    working = threading.Thread(target=stranger.work)
    working.start()
    yield stranger
    stranger.enough.set()
    working.join()


def test_twenty_staff_log_in_and_sell_while_a_stranger_tries_from_their_address(
    tills: list[Till], cinema: Opening, stranger: Stranger
) -> None:
    began = time.monotonic()
    time.sleep(USED_UP_AFTER)

    def works(number: int) -> list[int]:
        till, seats = tills[number], SEATS[number * 5 :][:5]
        answers = [till.try_log_in()]
        for seat in seats:
            answers.append(till.try_hold(cinema.showtimes[0], seat))
            answers.append(till.try_pay(answers[-1].json()))
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(STAFF) as staff:
        worked = list(staff.map(works, range(STAFF)))
    time.sleep(max(0.0, began + SECONDS - time.monotonic()))
    stranger.enough.set()

    assert worked == [[200, *[201, 200] * 5]] * STAFF
    his = Counter(answer.status_code for answer in stranger.answers)
    assert sum(his.values()) > SECONDS * A_SECOND * 0.5
    assert set(his) == {401, 429}
    assert his[401] <= 5 * STAFF
    for answer in [each for each in stranger.answers if each.status_code == 429]:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "too_many_attempts"
        assert int(answer.headers["Retry-After"]) > 0
