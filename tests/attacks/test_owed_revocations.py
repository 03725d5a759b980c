"""A revocation that Redis did not hear of: the process tries again, and where it was killed the sweeper does."""

from typing import Any

from django.core.management import call_command

from backend.core import clock
from backend.core.mongo import collection
from tests.attacks.servers import MortalRedis
from tests.attacks.test_revocation import WORKERS, Watched
from tests.factories import make_staff


def test_a_revocation_while_redis_hangs_counts_once_it_answers_again(gunicorn: Any, make_till: Any, tmp_path: Any):
    with MortalRedis(tmp_path) as server:
        origin = gunicorn(WORKERS, REDIS_URL=server.url)
        manager = make_till(make_staff("manager"), origin=origin).log_in()
        watched = Watched(make_till, origin)

        with server.frozen():
            assert manager.post(f"/api/v2/sessions/{watched.session}/revoke").status_code == 204

        watched.over_within_a_second()


def test_a_revocation_whose_process_was_killed_is_finished_by_the_sweeper(gunicorn: Any, make_till: Any) -> None:
    watched = Watched(make_till, gunicorn(WORKERS))
    ended = {"endedAt": clock.now(), "endReason": "revoked"}
    collection("staffSessions").update_one({"key": watched.till.key.thumbprint}, {"$set": ended})
    assert watched.accepted()[0] > 0, "Redis still holds its copy: the control"

    call_command("sweep", "--once")

    watched.over_within_a_second()
