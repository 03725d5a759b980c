"""What can go wrong while planning the programme."""

from django.utils.translation import gettext_lazy as _

from backend.core.problems import Problem, RuleBroken


class HallTaken(Problem):
    """Another showtime has the hall at that time."""

    status, code = 409, "hall_taken"
    title = _("Another showtime has the hall at that time")


class PricesBroken(RuleBroken):
    """The prices cannot be sold by. `errors` says why."""

    code = "prices_broken"
    title = _("These prices cannot be sold by")
