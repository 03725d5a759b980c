"""What the server answers a log-in with; apart from the client, which is slow to load."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StaffSession:
    """Who is logged in, as the server told it."""

    name: str
    phone: str
    till: str | None


@dataclass(frozen=True)
class Pending:
    """The log-in waits for a manager; ask again after `retry_after` seconds."""

    reference: str
    retry_after: int
