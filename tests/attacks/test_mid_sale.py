"""What a session's end and a wrong clock must not cost: the customer's seats, his money, the cashier's work."""

import time
from datetime import datetime
from typing import Any

import pytest

from backend.accounts import sessions as live
from backend.accounts.services import managing
from backend.boxoffice.services import pay
from backend.core import clock
from backend.core.mongo import collection
from tests.attacks.wire import SESSION, outcome, overhear
from tests.factories import Staff, make_cinema, make_hall, make_showtime, make_staff
from tests.support.till import Till


class Sale:
    """A till in the middle of a sale."""

    def __init__(self, make_till: Any) -> None:
        self.make_till = make_till
        self.cinema = make_cinema()
        self.staff: Staff = make_staff(cinemas=[self.cinema])
        self.till: Till = make_till(self.staff).log_in()
        self.showtime = make_showtime(make_hall(self.cinema))
        self.order = self.till.hold(self.showtime, "5-5", "5-6")

    def end(self, reason: str) -> None:
        """End the session as a manager does."""
        now = clock.now()
        match reason:
            case "revoked":
                live.end(collection("staffSessions").find_one()["_id"], reason="revoked", now=now)
            case "disabled":
                managing.change_account(self.staff.id, changes={"status": "disabled"}, by=None, now=now)
            case "unbound":
                managing.unbind_device(self.staff.id, reason="", by=None, now=now)

    def next_on_the_machine(self) -> Till:
        """The next person at this machine."""
        other = self.make_till(
            make_staff(cinemas=[self.cinema]), key=self.till.key, machine_code=self.till.machine_code
        )
        logged_in: Till = other.log_in()
        return logged_in

    def supervisor(self) -> Till:
        """A supervisor of the cinema, at a machine of his own."""
        logged_in: Till = self.make_till(make_staff("supervisor", cinemas=[self.cinema])).log_in()
        return logged_in

    def stranger(self) -> Till:
        """Another seller of the cinema, at another machine."""
        logged_in: Till = self.make_till(make_staff(cinemas=[self.cinema])).log_in()
        return logged_in


@pytest.fixture
def sale(db: None, make_till: Any) -> Sale:
    return Sale(make_till)


@pytest.mark.parametrize("who", ["next_on_the_machine", "supervisor"])
@pytest.mark.parametrize("reason", ["revoked", "disabled", "unbound"])
def test_a_sale_whose_session_was_ended_is_finished_by_somebody_who_may(sale: Sale, reason: str, who: str) -> None:
    sale.end(reason)
    assert sale.till.try_pay(sale.order).json()["reason"] == reason
    assert sale.stranger().try_pay(sale.order).status_code == 403
    finisher: Till = getattr(sale, who)()
    assert "free" not in finisher.seat_states(sale.showtime, "5-5", "5-6")

    paid = finisher.pay(sale.order)

    assert paid["state"] == "paid"
    assert finisher.seat_states(sale.showtime, "5-5", "5-6") == ["sold", "sold"]
    assert collection("orders").count_documents({}) == 1


def test_a_payment_that_was_admitted_finishes(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session ends between the proof and the first write."""
    real = pay.pay_order

    def meanwhile(**wanted: Any) -> Any:
        sale.end("revoked")
        return real(**wanted)

    monkeypatch.setattr("backend.boxoffice.api.views.pay_order", meanwhile)

    assert sale.till.try_pay(sale.order).status_code == 200
    assert outcome(sale.till.get(SESSION)) == "session_revoked"
    assert collection("orders").find_one()["state"] == "paid"


@pytest.mark.parametrize("off", [-600, 600])
def test_a_clock_ten_minutes_off_is_told_so_and_works(sale: Sale, off: int) -> None:
    """A till that signs by its own clock is told the server's; by the difference it goes on."""
    wrong = int(time.time()) + off
    refused = overhear(sale.till, iat=wrong).sent(sale.till)
    assert outcome(refused) == "clock_skew"

    difference = datetime.fromisoformat(refused.json()["serverTime"]).timestamp() - wrong
    sale.till.nonce = refused.headers["DPoP-Nonce"]

    assert abs(difference + off) < 5
    assert outcome(overhear(sale.till, iat=int(wrong + difference)).sent(sale.till)) == "ok"
