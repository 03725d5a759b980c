"""Who logs in, and who manages. Factories are imported late: Django is not set up when this file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories import Document, Staff
    from tests.support.till import Till

PASSWORD = "quite-a-long-password-1"


@pytest.fixture
def cinema(db: None) -> Document:
    """A cinema."""
    from tests.factories import make_cinema  # noqa: PLC0415

    return make_cinema()


@pytest.fixture
def seller(cinema: Document) -> Staff:
    """A seller of the cinema whose binding window is open."""
    from tests.factories import make_staff  # noqa: PLC0415

    return make_staff(cinemas=[cinema])


@pytest.fixture
def till(seller: Staff, make_till: Any) -> Till:
    """The seller's till, logged in."""
    logged_in: Till = make_till(seller).log_in()
    return logged_in


@pytest.fixture
def manager(cinema: Document) -> Staff:
    """The cinema's manager, with a password."""
    from tests.factories import make_staff  # noqa: PLC0415

    return make_staff("manager", cinemas=[cinema], password=PASSWORD)


@pytest.fixture
def managing(manager: Staff, make_till: Any) -> Till:
    """The manager's till: it may call what managers may."""
    logged_in: Till = make_till(manager).log_in()
    return logged_in


@pytest.fixture
def office(manager: Staff) -> Client:
    """A browser in which the manager has signed in to the back office."""
    from django.test import Client  # noqa: PLC0415

    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": manager.phone, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client
