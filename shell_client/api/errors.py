"""What a call to the server can end in, other than its answer."""

from __future__ import annotations

from typing import Any

SESSION_REVOKED = "session_revoked"
_BUSY = frozenset({429, 500, 502, 503, 504})


class ApiError(Exception):
    """A call that brought no answer to work with."""


class ServerUnreachable(ApiError):
    """No answer came, or one that no working server gives: try again later."""


class Refused(ApiError):
    """The server answered with a problem (RFC 9457); `code` says which."""

    def __init__(self, status: int, body: dict[str, Any], *, retry_after: int | None = None) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code") or f"http_{status}")
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}")

    @property
    def reference(self) -> str | None:
        """The short reference that a manager finds in the log; else the request's id."""
        reference = self.body.get("reference") or self.body.get("requestId")
        return str(reference) if reference else None

    @property
    def passes(self) -> bool:
        """Whether the same call may well succeed later: the server is busy, not saying no."""
        return self.status in _BUSY

    @property
    def ends_session(self) -> bool:
        """Whether this throws the person out; nothing else does."""
        return self.status == 401 and self.code == SESSION_REVOKED


class LoginExpired(ApiError):
    """The tokens can no longer be renewed; the person has to log in again when it suits."""
