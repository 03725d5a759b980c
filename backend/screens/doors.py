"""How a request enters a ticket screen: a live session, the permission, and problems in words."""

from collections.abc import Callable

from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from backend.accounts.web import till_required
from backend.core.idempotency import idempotent
from backend.screens.problems import problems_in_words

View = Callable[..., HttpResponse]


def page(permission: str, *, poll: bool = False) -> Callable[[View], View]:
    """Admit a GET of someone with `permission`; a `poll` is no sign of life."""

    def decorate(view: View) -> View:
        return require_GET(till_required(permission, poll=poll)(problems_in_words(view)))

    return decorate


def action(permission: str) -> Callable[[View], View]:
    """Admit a POST of someone with `permission`, once per idempotency key: a double press changes one thing.

    `till_required` has checked the origin, Django the CSRF token. Problems are put into words inside, so that
    the kept answer has them, and outside for those of the key itself.
    """

    def decorate(view: View) -> View:
        once = problems_in_words(idempotent(problems_in_words(view)))
        return require_POST(till_required(permission)(once))

    return decorate
