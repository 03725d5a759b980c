"""A cinema with a hall, and tills whose screens are open."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backend.core import clock
from tests.support.till import Till

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

ORIGIN = "http://testserver"


class Screen:
    """The ticket screens of one till, as its web view sees them."""

    def __init__(self, till: Till, client: Client) -> None:
        self.till = till
        self.client = client

    def get(self, path: str, *, part: bool = False, **headers: str) -> HttpResponse:
        """Load a page, or a part of it."""
        sent = {**({"HX-Request": "true"} if part else {}), **headers}
        return self.client.get(path, headers=sent)  # type: ignore[return-value]

    def post(self, path: str, key: str | None = None, **values: Any) -> HttpResponse:
        """Press a button: a POST with origin and idempotency key, as the page sends it."""
        headers = {"HX-Request": "true", "Origin": ORIGIN, "Idempotency-Key": key or uuid.uuid4().hex}
        return self.client.post(path, values, headers=headers)  # type: ignore[return-value]

    def hold(self, showtime: Any, key: str | None = None, **values: Any) -> HttpResponse:
        """Hold seats by their names or for a party."""
        return self.post(f"/till/showtimes/{showtime['_id']}/hold", key=key, **values)

    def order(self, response: HttpResponse) -> str:
        """Return the order that a panel shows."""
        return response.content.decode().partition('data-order="')[2].partition('"')[0]


@pytest.fixture
def cinema(db: None) -> dict[str, Any]:
    from tests import factories  # noqa: PLC0415 - Django is not set up when this file is read

    return factories.make_cinema(name="星河影城", code="BJ01")


@pytest.fixture
def hall(cinema: dict[str, Any]) -> dict[str, Any]:
    from tests import factories  # noqa: PLC0415 - Django is not set up when this file is read

    return factories.make_hall(cinema, rows=6, seats_per_row=10, name="3号厅")


@pytest.fixture
def showtime(hall: dict[str, Any]) -> dict[str, Any]:
    """A show that begins now: the same business day whatever the hour of the test."""
    from tests import factories  # noqa: PLC0415 - Django is not set up when this file is read

    film = factories.make_film(title="长夜将明", minutes=128)
    return factories.make_showtime(hall, film=film, starts_at=clock.now() + timedelta(minutes=5))


@pytest.fixture
def open_screen(cinema: dict[str, Any], make_till: Callable[..., Till]) -> Callable[..., Screen]:
    """Log a person in at a till and open the screens there: `open_screen("seller")`.

    `at` is whose machine, a new one without it; `elsewhere` are more cinemas of that person.
    """
    from django.test import Client  # noqa: PLC0415 - the same

    from tests import factories  # noqa: PLC0415 - the same

    def open_(
        role: str = "seller",
        *,
        language: str = "en",
        name: str = "王小琳",
        at: Screen | None = None,
        elsewhere: Sequence[Any] = (),
    ) -> Screen:
        staff = factories.make_staff(role, name=name, cinemas=[cinema, *elsewhere])
        machine = {"key": at.till.key, "machine_code": at.till.machine_code} if at else {}
        till = make_till(staff, **machine).log_in()
        client = Client()
        client.cookies.load({"django_language": language})
        entered = client.get(till.post("/api/v2/web-session").json()["url"].removeprefix(ORIGIN))
        assert entered.status_code == 303, entered.content
        return Screen(till, client)

    return open_


@pytest.fixture
def screen(open_screen: Callable[..., Screen]) -> Screen:
    """A seller's screens, in English."""
    return open_screen()
