"""What can go wrong at the box office, each with its status, code and words."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.core.problems import Problem, RuleBroken


class SeatsTaken(Problem):
    """Another till was faster. `seats` are the ones it has."""

    status, code = 409, "seats_taken"
    title = _("These seats have just been taken")

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__(seats=list(seats))
        self.seats = list(seats)


class SeatsInMotion(Problem):
    """Others took and freed these seats around every try: nobody may have them. The same request may be sent again."""

    status, code = 503, "seats_in_motion"
    title = _("Several tills are at these seats just now")
    detail = _("Nothing was held. Press again in a second.")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class UnknownSeat(RuleBroken):
    """A seat that the hall does not have, that is out of use, or that is asked for twice."""

    code = "unknown_seat"
    title = _("These seats cannot be sold")

    def __init__(self, seats: Sequence[str], why: Any) -> None:
        super().__init__({"seats": [why % {"seats": ", ".join(seats)}]})
        self.extra["seats"] = list(seats)


class UnknownTicketType(RuleBroken):
    """A ticket type that the showtime has no price for."""

    code = "unknown_ticket_type"
    title = _("This showtime has no such ticket type")

    def __init__(self, ticket_type: str) -> None:
        super().__init__({"seats": [_("No price for the ticket type %(type)s.") % {"type": ticket_type[:40]}]})


class SalesClosed(Problem):
    """The showtime is no longer sold."""

    status, code = 409, "sales_closed"
    title = _("Sales closed for this session")


class HoldExpired(Problem):
    """The hold ran out; the seats may be another's."""

    status, code = 409, "hold_expired"
    title = _("The hold has expired")
    detail = _("Hold the seats again; nothing was charged.")


class OrderCancelled(Problem):
    """The order was cancelled before."""

    status, code = 409, "order_cancelled"
    title = _("The order was cancelled")


class AlreadyPaid(Problem):
    """The order is paid."""

    status, code = 409, "already_paid"
    title = _("The order is already paid")


class TenderedTooSmall(RuleBroken):
    """The customer gave less than is due."""

    code = "tendered_too_small"
    title = _("Less money than is due")

    def __init__(self, missing: str) -> None:
        super().__init__({"tendered": [_("¥%(missing)s short.") % {"missing": missing}]}, None)
        self.extra["missing"] = missing


class ReferenceRefused(RuleBroken):
    """A payment's reference that must not be kept: too long, not printable, or the customer's payment code."""

    code = "reference_refused"
    title = _("This reference cannot be kept")

    def __init__(self, why: Any) -> None:
        super().__init__({"reference": [why]})


class MethodNotOffered(RuleBroken):
    """A payment method that this cinema does not take yet."""

    code = "method_not_offered"
    title = _("This payment method is not offered yet")


class NotYourOrder(Problem):
    """The order is another till's, and the caller is no supervisor."""

    status, code = 403, "not_your_order"
    title = _("This order belongs to another till")
    detail = _("Only the till that holds it, or a supervisor, may change it.")
