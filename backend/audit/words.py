"""The codes in the logs as words. The code is what is kept and searched; the words are what people read."""

from typing import Any

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    """Why a log-in succeeded, waits or was refused: `loginLogs.reason`."""

    KNOWN = "known", _("From the bound machine")
    BOUND = "bound", _("First log-in: this machine was bound")
    APPROVAL = "approval", _("Waits for a manager's approval")
    UNKNOWN_PHONE = "unknown_phone", _("No account has this phone")
    DISABLED = "disabled", _("The account is disabled")
    PENDING = "pending", _("The account is not yet active")
    WRONG_MACHINE_CODE = "wrong_machine_code", _("Right key, other machine code")
    OTHER_DEVICE = "other_device", _("The account is bound to another machine")
    CONTESTED = "contested", _("Several log-ins of this account at once")
    WINDOW_CLOSED = "window_closed", _("No machine is bound and no window is open")
    FOREIGN_NETWORK = "foreign_network", _("Not from a network of the cinema")
    APPROVALS_FULL = "approvals_full", _("Three others wait for approval already")
    APPROVAL_REFUSED = "approval_refused", _("A manager refused this machine")
    CODE_MISSING = "code_missing", _("No activation code was given")
    CODE_WRONG = "code_wrong", _("Wrong activation code")
    CODE_EXPIRED = "code_expired", _("No activation code is valid: used, over 24 hours old or never made")
    CODE_DEAD = "code_dead", _("The activation code died after five wrong tries")
    THROTTLED = "throttled", _("Too many attempts with other keys: it must wait")


# Refusals about binding alone: a manager may bind that very attempt from the login log.
BINDABLE = frozenset(
    {
        Reason.WINDOW_CLOSED,
        Reason.FOREIGN_NETWORK,
        Reason.APPROVALS_FULL,
        Reason.CODE_MISSING,
        Reason.CODE_WRONG,
        Reason.CODE_EXPIRED,
        Reason.CODE_DEAD,
        Reason.THROTTLED,
    }
)

# `securityLogs.event`.
EVENTS: dict[str, Any] = {
    "account_changed": _("Account changed"),
    "account_created": _("Account created"),
    "activation_code_made": _("Activation code made"),
    "binding_refused": _("Waiting machine refused"),
    "binding_window_opened": _("Binding window opened"),
    "database_restored": _("Restored from a backup: all sessions were ended"),
    "device_bound": _("Machine bound"),
    "device_unbound": _("Machine unbound"),
    "known_machine_new_key": _("Known machine code, new key"),
    "password_set": _("Back-office password set"),
    "refresh_reused": _("Log-in token used twice: the session was ended"),
    "refresh_with_other_key": _("Log-in token shown with another key"),
    "session_at_second_address": _("One session at two addresses"),
    "screens_at_second_address": _("Ticket screens at a second address"),
    "session_revoked": _("Session ended by a manager"),
    "sign_in_refused": _("Back-office sign-in refused"),
    "signed_in": _("Signed in to the back office"),
}
# `changeLog.action`, besides the events that stand in both.
CHANGES: dict[str, Any] = {
    "cinema_added": _("Cinema added"),
    "cinema_changed": _("Cinema changed"),
    "film_added": _("Film added"),
    "film_changed": _("Film changed"),
    "hall_added": _("Hall added"),
    "hall_renamed": _("Hall renamed"),
    "showtime_added": _("Showtime added"),
    "showtime_changed": _("Showtime changed"),
    "showtime_opened": _("Showtime opened for sale again after a restore"),
}
WORDS: dict[str, Any] = {**dict(Reason.choices), **EVENTS, **CHANGES}


def in_words(code: str) -> SafeString:
    """Return `code` as words with the code beside them, or alone where it has none."""
    words = WORDS.get(code)
    return format_html("{} <small>{}</small>", words, code) if words else format_html("{}", code)
