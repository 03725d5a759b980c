"""The state that Redis keeps, for tests that look into it or lose it."""

from typing import Any

from backend.core.redis import redis as configured


def redis() -> Any:
    """Return the connection to the tests' Redis."""
    return configured()
