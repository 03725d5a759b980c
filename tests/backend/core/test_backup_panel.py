"""What the back office's first page says of the backups."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.core import backup_state, clock
from tests.factories import make_staff


@pytest.fixture
def manager(db: None) -> Client:
    """A manager, signed in, who reads English."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.get(pk=make_staff("manager").id), "backend.accounts.backends.ManagerBackend")
    return client


def noted(kind: str, **ago: float) -> None:
    """Note a good one of `kind`, so long ago."""
    about: dict[str, dict[str, Any]] = {
        backup_state.LAST: {"name": "b", "size": 12_582_912, "seconds": 4.25, "documents": 120_000},
        backup_state.OFF_SITE: {"name": "cinema-20261124T120000Z"},
        backup_state.DRILL: {"name": "b", "passed": True, "lossSeconds": 1740, "recoverySeconds": 330},
    }
    backup_state.note(kind, clock.now() - timedelta(**ago), **about[kind])


def test_it_says_when_each_was_and_what_it_was(manager: Client) -> None:
    noted(backup_state.LAST, minutes=35)
    noted(backup_state.OFF_SITE, minutes=34)
    noted(backup_state.DRILL, days=2)

    page = manager.get("/admin/").content.decode().replace("\xa0", " ")

    for words in (
        "35 minutes ago",
        "12.0 MB, 120,000 documents, took 4.2 s",
        "cinema-20261124T120000Z",
        "2 days ago",
        "would lose 29 min, would take 5.5 min",
    ):
        assert words in page
    assert "tell operations" not in page


def test_none_yet_is_said(manager: Client) -> None:
    assert manager.get("/admin/").content.decode().count("There was none yet: tell operations.") == 3


@pytest.mark.parametrize(
    ("kind", "ago"),
    [
        (backup_state.LAST, {"minutes": 121}),
        (backup_state.OFF_SITE, {"minutes": 241}),
        (backup_state.DRILL, {"days": 8, "minutes": 1}),
    ],
)
def test_one_that_is_too_old_is_said(manager: Client, kind: str, ago: dict[str, float]) -> None:
    for each in (backup_state.LAST, backup_state.OFF_SITE, backup_state.DRILL):
        noted(each, **(ago if each == kind else {"minutes": 1}))

    assert manager.get("/admin/").content.decode().count("Older than it should be: tell operations.") == 1


def test_a_drill_that_failed_is_said_however_new(manager: Client) -> None:
    backup_state.note(backup_state.DRILL, clock.now(), name="b", passed=False, lossSeconds=0, recoverySeconds=0)

    assert "It failed: tell operations." in manager.get("/admin/").content.decode()


def test_in_chinese(manager: Client) -> None:
    noted(backup_state.LAST, minutes=35)

    page = manager.get("/admin/", headers={"accept-language": "zh-hans"}).content.decode().replace("\xa0", " ")

    assert "最近一次备份" in page
    assert "35 分钟前" in page or "35分钟前" in page
