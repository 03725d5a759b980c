"""Roles and what each may do: the one table that API, screens and admin ask.

`rank` orders the roles: nobody creates, edits, binds or unbinds a role whose rank is not below his own.
Permissions are `app.verb_noun`; Django's model permissions (`accounts.view_user`) have the same form.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Role:
    """One role. `back_office` says whether it works in the admin, `till` whether it logs in at one."""

    code: str
    label: Any
    rank: int
    permissions: frozenset[str]
    back_office: bool = False
    till: bool = False


def _all(verb: str, *models: str) -> set[str]:
    return {f"{app}.{verb}_{model}" for app, _dot, model in (name.partition(".") for name in models)}


PROGRAMME = ("venues.cinema", "venues.hall", "venues.halllayout", "programme.film", "programme.showtime")
PEOPLE = ("accounts.user", "accounts.devicebinding", "accounts.staffsession")
LOGS = ("audit.loginlog", "audit.securitylog", "audit.change")
ORDERS = ("boxoffice.order",)

SELL = {"boxoffice.view_showtimes", "boxoffice.sell", "boxoffice.view_orders"}
CHECK = {"boxoffice.view_showtimes", "boxoffice.view_orders", "boxoffice.check_in"}
SUPERVISE = SELL | CHECK | {"boxoffice.view_all_orders", "boxoffice.change_all_orders"}
LOOK = _all("view", *PROGRAMME, *PEOPLE, *LOGS, *ORDERS) | {
    "boxoffice.view_showtimes",
    "boxoffice.view_orders",
    "boxoffice.view_all_orders",
}
MANAGE = (
    LOOK
    | _all("add", "accounts.user", "programme.film", "programme.showtime")
    | _all("change", "accounts.user", "venues.hall", "programme.film", "programme.showtime")
    | {"accounts.bind_device", "accounts.revoke_session", "accounts.read_api_docs"}
)
CHAIN = MANAGE | _all("add", "venues.cinema", "venues.hall") | _all("change", "venues.cinema")
OPERATE = _all("view", *LOGS, "accounts.staffsession", "accounts.devicebinding") | {"accounts.read_api_docs"}

ROLES = {
    role.code: role
    for role in (
        Role("seller", _("Seller"), 10, frozenset(SELL), till=True),
        Role("checker", _("Checker"), 10, frozenset(CHECK), till=True),
        Role("supervisor", _("Shift supervisor"), 20, frozenset(SUPERVISE), till=True),
        Role("manager", _("Cinema manager"), 30, frozenset(MANAGE), back_office=True, till=True),
        Role("chain_manager", _("Chain manager"), 40, frozenset(CHAIN), back_office=True, till=True),
        Role("auditor", _("Auditor"), 30, frozenset(LOOK), back_office=True),
        Role("ops", _("Operations"), 30, frozenset(OPERATE), back_office=True),
    )
}
ROLE_CHOICES = [(role.code, role.label) for role in ROLES.values()]


def roles_below(rank: int) -> list[Role]:
    """Return the roles that someone of `rank` may give and manage."""
    return [role for role in ROLES.values() if role.rank < rank]
