"""The life of a session, as a model beside the real thing: whatever happens in whatever order, both say the same."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backend.accounts import sessions as live
from backend.accounts.errors import DeviceBound
from backend.accounts.services import managing
from backend.core import clock
from backend.core.mongo import collection
from backend.core.redis import redis
from tests.attacks.wire import SESSION
from tests.factories import make_staff
from tests.support.till import Till

BEGINNING = datetime(2030, 1, 7, 9, tzinfo=UTC)
ACCESS, IDLE, LONGEST = timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=12)
WINDOW, RETRY, MARK = timedelta(hours=24), timedelta(minutes=2), timedelta(seconds=30)
# Between them they cross every limit, from either side, in a few steps.
WAITS = [timedelta(seconds=20), timedelta(seconds=70), *(timedelta(minutes=each) for each in (9, 11, 29, 31)), LONGEST]
NUMBERS = itertools.count()
MACHINES = st.sampled_from([0, 1])


class Session:
    """What the model knows of a session. `over` is why it ended, once somebody ended it."""

    def __init__(self, now: datetime) -> None:
        self.active, self.expires = now, now + LONGEST
        self.generation, self.rotated = 1, now
        self.rotation_key: str | None = None
        self.over = ""

    def over_at(self, now: datetime) -> str:
        """Return why it is over now, or nothing."""
        if self.over:
            return self.over
        if now >= self.expires:
            return "expired"
        return "idle" if now - self.active >= IDLE else ""


class Pair:
    """A pair of tokens that a machine was given."""

    def __init__(self, till: Till, session: Session, issued: datetime) -> None:
        self.access, self.refresh = till.access_token, till.refresh_token
        self.session, self.generation = session, session.generation
        self.until = min(issued + ACCESS, session.expires)
        self.number = next(NUMBERS)


def said(answer: Any) -> str:
    """Return `ok`, the reason of an ended session, or the code."""
    if answer.status_code < 300 or answer.status_code == 400:
        return "ok"
    body = answer.json()
    return str(body.get("reason", body["code"]))


class Life(RuleBasedStateMachine):
    """One account, two machines, and time that passes when told to."""

    make_till: Any

    @initialize()
    def begin(self) -> None:
        self.traveller = time_machine.travel(BEGINNING, tick=False)
        self.time = self.traveller.start()
        self.staff = make_staff()
        self.tills = [self.make_till(self.staff) for _ in range(2)]
        self.pairs: list[list[Pair]] = [[], []]
        self.bound: int | None = None
        self.window: datetime | None = self.now + WINDOW
        self.enabled = True
        self.session: Session | None = None

    def teardown(self) -> None:
        if hasattr(self, "traveller"):
            self.traveller.stop()

    @property
    def now(self) -> datetime:
        return clock.now()

    def use(self, machine: int, pair: Pair) -> Till:
        till: Till = self.tills[machine]
        till.access_token, till.refresh_token = pair.access, pair.refresh
        return till

    def keep(self, machine: int, session: Session, issued: datetime) -> None:
        self.pairs[machine].append(Pair(self.tills[machine], session, issued))

    def lately(self, ago: int) -> list[tuple[int, Pair]]:
        """Return the pair given out last, or some before it, with its machine."""
        given = [(pair, machine) for machine, pairs in enumerate(self.pairs) for pair in pairs]
        given.sort(key=lambda each: each[0].number)
        return [(machine, pair) for pair, machine in given[len(given) - 1 - ago :][:1] if ago < len(given)]

    # --- what a till does ---------------------------------------------------------------------------
    @rule(machine=MACHINES)
    def log_in(self, machine: int) -> None:
        admitted = self.enabled and (
            self.bound == machine or (self.bound is None and self.window is not None and self.window > self.now)
        )
        answer = self.tills[machine].try_log_in()

        assert answer.status_code == (200 if admitted else 401), answer.content
        if admitted:
            self.bound, self.window = machine, (self.window if self.bound == machine else None)
            self.end("logged_in_elsewhere")
            self.session = Session(self.now)
            self.keep(machine, self.session, self.now)

    @precondition(lambda self: any(self.pairs))
    @rule(which=st.integers(0, 3), method=st.sampled_from(["GET", "POST"]))
    def call(self, which: int, method: str) -> None:
        """A heartbeat, or a POST that a person makes, with one of the last tokens."""
        for machine, pair in self.lately(which):
            expected = "invalid_token" if pair.until <= self.now else pair.session.over_at(self.now) or "ok"
            till = self.use(machine, pair)
            answer = till.get(SESSION) if method == "GET" else till.post("/api/v2/orders", {})

            assert said(answer) == expected
            if expected == "ok" and method == "POST" and self.now - pair.session.active >= MARK:
                pair.session.active = self.now

    @precondition(lambda self: any(self.pairs))
    @rule(key=st.sampled_from([None, "a", "b", "new"]), which=st.sampled_from([0, 0, 1, 2]), lost=st.booleans())
    def refresh(self, key: str | None, which: int, lost: bool) -> None:
        """Refresh with the last token or an older one; the answer may be lost on the way."""
        key = uuid.uuid4().hex if key == "new" else key
        for machine, pair in self.lately(which):
            expected, issued = self.expected_of_refresh(pair, key)
            # `None` sends no key: the till's own default would be a new one.
            answer = self.use(machine, pair).request("POST", *self.refreshing(machine), idempotency_key=key)

            assert said(answer) == expected
            if expected == "ok" and not lost:
                self.tills[machine].keep(answer.json())
                self.keep(machine, pair.session, issued)

    def refreshing(self, machine: int) -> tuple[str, dict[str, Any]]:
        till: Till = self.tills[machine]
        till.access_token = None
        return "/api/v2/token/refresh", {"refreshToken": till.refresh_token}

    def expected_of_refresh(self, pair: Pair, key: str | None) -> tuple[str, datetime]:
        session, now = pair.session, self.now
        if now >= session.expires:
            return "invalid_token", now
        over = session.over_at(now)
        if not over and pair.generation == session.generation:
            session.generation, session.rotated, session.rotation_key = session.generation + 1, now, key
            return "ok", now
        again = pair.generation + 1 == session.generation and key is not None and key == session.rotation_key
        if not session.over and again and now - session.rotated <= RETRY:
            return "ok", session.rotated
        if not session.over and pair.generation != session.generation:
            session.over = over = "refresh_reused"
        return over, now

    @precondition(lambda self: any(self.pairs))
    @rule(wait=st.sampled_from([70, 120, 121]), key=st.sampled_from(["a", "b"]))
    def lose_an_answer_and_ask_again(self, wait: int, key: str) -> None:
        self.refresh(key=key, which=0, lost=True)
        self.wait(wait=timedelta(seconds=wait))
        self.refresh(key=key, which=0, lost=False)

    @precondition(lambda self: any(self.pairs))
    @rule(minutes=st.sampled_from([29, 30, 31]))
    def work_rest_and_come_back(self, minutes: int) -> None:
        self.call(which=0, method="POST")
        self.wait(wait=timedelta(minutes=minutes))
        self.refresh(key=None, which=0, lost=False)

    # --- what a manager does ------------------------------------------------------------------------
    def end(self, reason: str) -> None:
        if self.session is not None and not self.session.over:
            self.session.over = reason

    @rule(what=st.sampled_from(["revoke", "disable", "enable", "unbind", "open a window"]))
    def manage(self, what: str) -> None:
        """One rule for all of it, so that a session lives long enough for something to happen in it."""
        match what:
            case "revoke":
                self.revoke()
            case "disable" | "enable":
                self.set_status("disabled" if what == "disable" else "active")
            case "unbind":
                managing.unbind_device(self.staff.id, reason="", by=None, now=self.now)
                self.end("unbound")
                self.bound = None
            case _:
                self.open_window()

    def revoke(self) -> None:
        found = collection("staffSessions").find_one({"user": self.staff.id, "endedAt": None})
        if found is not None:
            live.end(found["_id"], reason="revoked", now=self.now)
        self.end("revoked")

    def set_status(self, status: str) -> None:
        managing.change_account(self.staff.id, changes={"status": status}, by=None, now=self.now)
        self.enabled = status == "active"
        if not self.enabled:
            self.end("disabled")

    def open_window(self) -> None:
        try:
            managing.open_binding_window(self.staff.id, by=None, now=self.now)
        except DeviceBound:
            assert self.bound is not None
        else:
            assert self.bound is None
            self.window = self.now + WINDOW

    # --- time, and what always holds ----------------------------------------------------------------
    @rule(wait=st.sampled_from(WAITS + WAITS[:-1]))
    def wait(self, wait: timedelta) -> None:
        """Let time pass, in Redis too: its clock is not ours to move, so what it keeps is made to lapse sooner."""
        self.time.shift(wait)
        server: Any = redis()
        for key in server.scan_iter():
            left = server.ttl(key)
            if left > 0:
                server.expire(key, max(0, left - int(wait.total_seconds())))

    @invariant()
    def a_thief_gets_nothing(self) -> None:
        """The last tokens of either machine, with a key of one's own."""
        for pairs in getattr(self, "pairs", []):
            for pair in pairs[-1:]:
                thief = self.make_till(self.staff)
                thief.access_token = pair.access
                assert thief.get(SESSION).status_code == 401

    @invariant()
    def an_account_has_one_live_session_at_most(self) -> None:
        if hasattr(self, "staff"):
            found = {"user": self.staff.id, "endedAt": None}
            assert collection("staffSessions").count_documents(found) == int(
                self.session is not None and not self.session.over
            )


def test_the_life_of_a_session_is_as_the_model_says(db: None, make_till: Any, settings: Any) -> None:
    unlimited = {"own_key": {"rate": 1e6, "burst": 10**6}, "free_failures": 10**6, "address_failures": 10**6}
    settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, **unlimited}
    machine = type("Life", (Life,), {"make_till": staticmethod(make_till)})

    run_state_machine_as_test(machine, settings=EFFORT)  # type: ignore[no-untyped-call]


EFFORT = settings(
    max_examples=12,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # what fails is told as it was found: shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
