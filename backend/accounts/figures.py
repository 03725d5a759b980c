"""What log-ins came to, for Prometheus: by the result and reason that the login log has, not by the HTTP status."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backend.accounts.errors import ClientTooOld, ClockSkew, InvalidProof, LoginRefused, TooManyAttempts, UseNonce
from backend.accounts.services.attempt import LoggedIn, Waiting
from backend.audit.words import Reason
from backend.core.metrics import counter
from backend.core.problems import Unavailable, as_problem

SUCCESS, PENDING, REFUSED, THROTTLED = "success", "pending", "refused", "throttled"
AGAIN = "again"  # the shell signs with the nonce of this answer and asks again, by itself: nobody was refused
MALFORMED, FAILED = "malformed", "failed"
SUCCESSES = {Reason.KNOWN, Reason.BOUND}
# Those without a row in the login log bear the code of their answer.
BEFORE_THE_LOG = (InvalidProof, ClockSkew, ClientTooOld)
RESULTS = (
    *((SUCCESS, reason.value) for reason in sorted(SUCCESSES)),
    (PENDING, Reason.APPROVAL.value),
    *((REFUSED, reason.value) for reason in Reason if reason not in {*SUCCESSES, Reason.APPROVAL, Reason.THROTTLED}),
    *((REFUSED, problem.code) for problem in BEFORE_THE_LOG),
    (THROTTLED, Reason.THROTTLED.value),
    (AGAIN, UseNonce.code),
    (MALFORMED, MALFORMED),
    (FAILED, Unavailable.code),
    (FAILED, "unexpected"),
)

log_ins = counter("cinema_log_ins", "Log-ins by result and reason.", ("result", "reason"), RESULTS)
misused_tokens = counter(
    "cinema_misused_tokens",
    "Refresh tokens that were used twice (the session was ended) or with another key (it was not).",
    ("how",),
    [("reused",), ("other_key",)],
)


@contextmanager
def log_in() -> Iterator[Callable[[LoggedIn | Waiting], None]]:
    """Count one log-in: give the block what to tell its result to, or see the error that it raises."""

    def note(done: LoggedIn | Waiting) -> None:
        result = (PENDING, Reason.APPROVAL.value) if isinstance(done, Waiting) else (SUCCESS, done.reason.value)
        log_ins.labels(*result).inc()

    try:
        yield note
    except Exception as error:
        log_ins.labels(*_result_of(error)).inc()
        raise


def _result_of(error: Exception) -> tuple[str, str]:
    match as_problem(error):
        case LoginRefused() as refused:
            result = REFUSED, refused.reason.value
        case InvalidProof() | ClockSkew() | ClientTooOld() as refused:
            result = REFUSED, refused.code
        case TooManyAttempts():
            result = THROTTLED, Reason.THROTTLED.value
        case UseNonce():
            result = AGAIN, UseNonce.code
        case Unavailable():
            result = FAILED, Unavailable.code
        case None:
            result = FAILED, "unexpected"
        case _:
            result = MALFORMED, MALFORMED
    return result
