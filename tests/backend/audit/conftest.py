"""The same people as in the tests of accounts."""

from tests.backend.accounts.conftest import cinema, manager, managing, office, seller, till

__all__ = ["cinema", "manager", "managing", "office", "seller", "till"]
