"""The errors of log-in, sessions and managing, once, with their words."""

from django.utils.translation import gettext_lazy as _

from backend.audit.words import Reason
from backend.core.problems import Problem


class LoginRefused(Problem):
    """One answer for every reason; the reference leads a manager to the true one.

    `reason` is for the server's own figures: it is no part of the answer.
    """

    status, code = 401, "login_refused"
    title = _("The log-in was refused")
    detail = _("Give the reference to a manager, who sees the reason in the login log.")

    def __init__(self, reason: Reason, *, reference: str) -> None:
        super().__init__(reference=reference)
        self.reason = reason


class DeviceBound(Problem):
    """A window never replaces a device; said to managers alone."""

    status, code = 409, "device_bound"
    title = _("This account is bound to a device")
    detail = _("Unbind the device first.")


class OtherPolicy(Problem):
    """Windows and codes are for accounts that bind by them."""

    status, code = 409, "other_binding_policy"
    title = _("This account binds in another way")
    detail = _("Change its binding policy first, or use what belongs to it.")


class BindingOver(Problem):
    """What waited for approval was approved, refused, replaced or waited too long."""

    status, code = 409, "binding_over"
    title = _("This machine no longer waits for approval")
    detail = _("Let the person log in again, then use the new reference.")


class NothingToBind(Problem):
    """The reference leads to no refused first log-in of this account within the last half hour."""

    status, code = 409, "nothing_to_bind"
    title = _("No log-in with this reference can be bound")
    detail = _("Only a refused first log-in of the last 30 minutes can. Let the person log in again.")


class NotActive(Problem):
    """Only an enabled account is bound."""

    status, code = 409, "account_not_active"
    title = _("This account is not enabled")
    detail = _("Enable it first.")


class ClientTooOld(Problem):
    """The shell is older than the minimum; `minimum` names it."""

    status, code = 426, "client_too_old"
    title = _("This version of the client is too old")
    detail = _("Update the client, then log in again.")


class TooManyAttempts(Problem):
    """A throttle; `Retry-After` says how many seconds to wait, `reference` where a manager finds it in the log."""

    status, code = 429, "too_many_attempts"
    title = _("Too many attempts")

    def __init__(self, seconds: float, **extra: str) -> None:
        wait = max(1, int(-(-seconds // 1)))
        super().__init__(
            _("Wait %(seconds)d seconds, then try again.") % {"seconds": wait},
            headers={"Retry-After": str(wait)},
            retryAfter=wait,
            **extra,
        )


class InvalidProof(Problem):
    """The DPoP proof is missing or wrong."""

    status, code = 401, "invalid_dpop_proof"
    title = _("The device proof is missing or wrong")
    detail = _("Restart the client; if it stays, reinstall it.")

    def __init__(self, why: str) -> None:
        super().__init__(headers={"WWW-Authenticate": 'DPoP error="invalid_dpop_proof", algs="EdDSA ES256"'}, why=why)


class UseNonce(Problem):
    """The proof's nonce is missing or old: sign again with the one of this answer."""

    status, code = 401, "use_dpop_nonce"
    title = _("The device proof needs a fresh nonce")
    detail = _("The client signs again by itself.")

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="EdDSA ES256"'})


class ClockSkew(Problem):
    """The proof's time is more than five minutes off; `serverTime` is the server's."""

    status, code = 401, "clock_skew"
    title = _("The clock of this machine is wrong")
    detail = _("Set the clock of this machine, or restart the client.")


class InvalidToken(Problem):
    """The access or refresh token is none of ours, is of another key, or has run out."""

    status, code = 401, "invalid_token"
    title = _("The token is not valid")
    detail = _("Refresh it, or log in again.")

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'DPoP error="invalid_token", algs="EdDSA ES256"'})


END_REASONS = {
    "logged_out": _("You logged out."),
    "logged_in_elsewhere": _("You logged in again; the newer log-in goes on."),
    "disabled": _("A manager disabled this account."),
    "unbound": _("A manager unbound this machine."),
    "changed": _("A manager changed your role or cinemas. Log in again."),
    "revoked": _("A manager ended this session."),
    "restored": _("The service was restored from a backup. Log in again."),
    "refresh_reused": _("This session was used twice; it was ended to be safe. Log in again."),
    "idle": _("Nobody worked here for 30 minutes. Log in again."),
    "expired": _("The session ended after 12 hours. Log in again."),
    "unknown": _("This session is not known. Log in again."),
    "unproven": _("This screen lost its till. Open it again from the client."),
}


class SessionRevoked(Problem):
    """The session is over; `reason` says why. The only answer that throws a person out of the shell."""

    status, code = 401, "session_revoked"
    title = _("The session has ended")

    def __init__(self, reason: str) -> None:
        super().__init__(END_REASONS.get(reason, END_REASONS["revoked"]), reason=reason)


class NotYours(Problem):
    """Nobody manages himself, or a role equal to or above his own."""

    status, code = 403, "not_yours_to_manage"
    title = _("You may not change this account")
    detail = _("Only someone with a higher role of the same cinemas may.")


class PhoneTaken(Problem):
    """Another account has this phone."""

    status, code = 409, "phone_taken"
    title = _("An account with this phone exists already")
