"""A stranger with every phone and machine code, on the cashiers' own network: he learns, binds and stops nothing."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.services import login
from backend.accounts.services.attempt import Attempt
from backend.core import clock, throttles
from backend.core.mongo import collection
from tests.attacks.chance import alike
from tests.attacks.wire import SESSION, greet
from tests.factories import Staff, make_staff
from tests.support.till import Answer, DeviceKey, Till

CASHIERS = 20
PER_SECOND = 10
SECONDS = 11
SAMPLES = 80
OWN = {"reference", "requestId", "retryAfter", "detail"}
MakeTill = Callable[..., Till]


def shape(answer: Answer) -> tuple[Any, ...]:
    """All that an answer says but its own numbers: the rest is what a stranger could learn from."""
    body = answer.json()
    varying = {"DPoP-Nonce", "Date", "X-Request-ID", "Content-Length", "Retry-After"}
    headers = sorted((name, "" if name in varying else value) for name, value in answer.headers.items())
    words = sorted((name, value) for name, value in body.items() if name not in OWN)
    return answer.status_code, sorted(body), words, headers


class Stranger:
    """Tries one phone after the other, known and unknown by turns, each time as a new machine with a known code."""

    def __init__(self, make_till: MakeTill, origin: str, phones: list[tuple[str, str]], codes: list[str]) -> None:
        self.make = lambda phone, code: make_till(phone, origin=origin, machine_code=code)
        self.phones = phones
        self.codes = itertools.cycle(codes)
        self.answers: list[tuple[str, Answer]] = []
        self.over = threading.Event()

    def work(self) -> None:
        """Try at a steady pace until told to stop."""
        nonce = None
        began = time.monotonic()
        for number, (kind, phone) in enumerate(itertools.cycle(self.phones)):
            if self.over.wait(max(0.0, began + number / PER_SECOND - time.monotonic())):
                return
            till = self.make(phone, next(self.codes))
            till.nonce = nonce
            self.answers.append((kind, till.try_log_in()))
            nonce = till.nonce

    def seen(self, kind: str) -> set[str]:
        """What he has seen of this kind of phone, in so many words."""
        return {repr(shape(answer)) for each, answer in self.answers if each == kind}


def closed_account() -> Staff:
    """An account whose window has closed, unbound."""
    return make_staff(now=clock.now() - timedelta(days=2))


def bindings() -> dict[Any, str]:
    """Whose key each account is bound to."""
    found = collection("users").find({"device": {"$ne": None}})
    return {each["_id"]: each["device"]["keyThumbprint"] for each in found}


def test_beside_a_stranger_twenty_of_twenty_cashiers_log_in_and_he_learns_nothing(
    gunicorn: Any, make_till: MakeTill
) -> None:
    origin = gunicorn(3)
    cashiers = [make_till(make_staff(), origin=origin) for _ in range(CASHIERS)]
    greet(*cashiers)
    for cashier in cashiers:
        cashier.log_in()
    unbound = [closed_account() for _ in range(CASHIERS)]
    before = {
        each["_id"]: each["device"]["keyThumbprint"] for each in collection("users").find({"device": {"$ne": None}})
    }
    phones = [
        pair
        for number in range(CASHIERS)
        for pair in (
            ("bound", cashiers[number].phone),
            ("unknown", f"1371234{number:04}"),
            ("unbound", unbound[number].phone),
        )
    ]
    stranger = Stranger(make_till, origin, phones, [cashier.machine_code for cashier in cashiers])

    with ThreadPoolExecutor(2) as pool:
        working = pool.submit(stranger.work)
        try:
            answers = list(at_a_pace(cashiers, SECONDS))
        finally:
            stranger.over.set()
        working.result()

    assert [answer.status_code for answer in answers] == [200] * CASHIERS
    assert all(cashier.get(SESSION).status_code == 200 for cashier in cashiers)
    now_bound = {
        each["_id"]: each["device"]["keyThumbprint"] for each in collection("users").find({"device": {"$ne": None}})
    }
    assert now_bound == before
    statuses = {answer.status_code for _kind, answer in stranger.answers}
    assert statuses == {401, 429}, "his budgets were spent"
    assert stranger.seen("bound") == stranger.seen("unknown") == stranger.seen("unbound")


def at_a_pace(cashiers: list[Till], seconds: float) -> Iterator[Answer]:
    """Log the cashiers in one after the other, spread over `seconds`; each tries once."""
    began = time.monotonic()
    for number, cashier in enumerate(cashiers):
        time.sleep(max(0.0, began + (number + 1) * seconds / len(cashiers) - time.monotonic()))
        yield cashier.try_log_in()


# --- what one phone answers, try by try -------------------------------------------------------------
def refusals(make_till: MakeTill, phone: str, machine_code: str, **extra: Any) -> list[tuple[Any, ...]]:
    """What nine tries in a row are told."""
    tills = [make_till(phone, machine_code=machine_code) for _ in range(9)]
    told = []
    for till in tills:
        answer = till.try_log_in(**extra)
        wait = int(answer.headers.get("Retry-After", 0))
        told.append((*shape(answer), "about 15 s" if 12 <= wait <= 15 else wait))
    return told


def test_known_and_unknown_phones_are_told_the_same_try_by_try(db: None, make_till: MakeTill) -> None:
    bound = make_till(make_staff()).log_in()
    disabled = make_staff()
    collection("users").update_one({"_id": disabled.id}, {"$set": {"account.status.code": "disabled"}})
    phones = [bound.phone, closed_account().phone, disabled.phone, "13712341234", "+14155550123"]

    told = {phone: refusals(make_till, phone, bound.machine_code) for phone in phones}

    assert [each[0] for each in told[bound.phone]] == [401] * 5 + [429] * 4
    assert len({repr(each) for each in told.values()}) == 1


# --- how long it takes ------------------------------------------------------------------------------
class Clockwork:
    """Takes the time of refused log-ins, one phone after the other by turns, so that noise falls on all alike."""

    def __init__(self, make_till: MakeTill, settings: Any) -> None:
        settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, "free_failures": 10**6, "address_failures": 10**6}
        bound, disabled = make_till(make_staff()).log_in(), make_staff()
        collection("users").update_one({"_id": disabled.id}, {"$set": {"account.status.code": "disabled"}})
        self.phones = {"unknown": "13712341234", "bound": bound.phone, "unbound": closed_account().phone}
        self.phones["disabled"] = disabled.phone
        self.make = lambda phone: make_till(phone, machine_code=bound.machine_code)

    def samples(self, count: int = SAMPLES) -> dict[str, list[float]]:
        """Return the seconds that each kind of phone took, without the first, slow ones."""
        tills = {kind: self.make(phone) for kind, phone in self.phones.items()}
        for till in tills.values():
            assert till.try_log_in().status_code == 401
        taken: dict[str, list[float]] = {kind: [] for kind in tills}
        for _ in range(count):
            for kind, till in tills.items():
                till.key = DeviceKey()
                began = time.perf_counter()
                answer = till.try_log_in()
                taken[kind].append(time.perf_counter() - began)
                assert answer.status_code == 401
        return taken


def test_known_and_unknown_phones_take_the_same_time(db: None, make_till: MakeTill, settings: Any) -> None:
    taken = Clockwork(make_till, settings).samples()

    assert [kind for kind in taken if not alike(taken["unknown"], taken[kind])] == []


def test_a_difference_that_could_be_used_would_be_seen(
    db: None, make_till: MakeTill, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a known phone costs as much more as one slow hash would."""
    real = Attempt.log

    def slower(attempt: Any, **more: Any) -> Any:
        if more["user"] is not None:
            time.sleep(0.05)
        return real(attempt, **more)

    monkeypatch.setattr(Attempt, "log", slower)
    taken = Clockwork(make_till, settings).samples(20)

    assert not alike(taken["unknown"], taken["bound"])


# --- many addresses ---------------------------------------------------------------------------------
def try_from(make_till: MakeTill, phone: str, address: str) -> int:
    till = make_till(phone)
    send = till.send
    till.send = lambda method, path, body, headers: send(method, path, body, {**headers, "X-Forwarded-For": address})
    return till.try_log_in().status_code


def test_one_account_attacked_from_many_addresses_has_one_budget(db: None, make_till: MakeTill, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    owner = make_till(make_staff()).log_in()

    statuses = [try_from(make_till, owner.phone, f"203.0.113.{number}") for number in range(60)]

    assert statuses == [401] * 5 + [429] * 55
    judged = {"result": "refused", "reason": {"$ne": "throttled"}}
    addresses = {row["address"] for row in collection("loginLogs").find(judged)}
    assert addresses == {f"203.0.113.{number}" for number in range(5)}
    assert owner.try_log_in().status_code == 200


def test_an_address_that_is_only_claimed_buys_no_budget(db: None, make_till: MakeTill, settings: Any) -> None:
    settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, "address_failures": 6}

    statuses = [try_from(make_till, f"137000000{number:02}", f"203.0.113.{number}") for number in range(12)]

    assert statuses[:6] == [401] * 6
    assert statuses.count(429) >= 5


def test_without_the_phones_budget_guessing_would_go_on(
    db: None, make_till: MakeTill, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of both: take the counting away and every try is judged."""
    monkeypatch.setattr(login, "strike", lambda *_: 0.0)
    monkeypatch.setattr(throttles, "take", lambda *_: 0.0)
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    owner = make_till(make_staff()).log_in()

    assert [try_from(make_till, owner.phone, f"203.0.113.{number}") for number in range(20)] == [401] * 20
