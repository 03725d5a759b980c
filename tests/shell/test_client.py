"""The API client against a real server that checks every proof."""

from __future__ import annotations

import time

import pytest
import requests

from shell_client.api import client as client_module
from shell_client.api.client import Pending, StaffClient, StaffSession
from shell_client.api.clock import ServerClock
from shell_client.api.errors import LoginExpired, Refused, ServerUnreachable
from shell_client.device.key import DeviceKey
from tests.shell.till_server import TillServer

CODE = "3F9A71C4AB12CD34EF5608D208D25BE1"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.01)


def log_in(client: StaffClient) -> StaffSession | Pending:
    return client.log_in(phone="13800000002", machine_code=CODE, device_name="till-2")


def paths(server: TillServer) -> list[str]:
    return [call["path"].removeprefix("/api/v2/") for call in server.calls]


def test_a_log_in_sends_phone_machine_and_device(server: TillServer, client: StaffClient) -> None:
    session = log_in(client)

    sent = server.called("/api/v2/login")[-1]
    assert session == StaffSession(name="王小琳", phone="13800000002", till="2号台")
    assert (sent["body"]["phone"], sent["body"]["machineCode"]) == ("13800000002", CODE)
    assert set(sent["body"]["device"]) == {"name", "os", "clientVersion"}
    assert sent["headers"]["Accept-Language"] == "zh-hans"


def test_the_first_look_brings_the_nonce_so_that_a_log_in_is_one_request(
    server: TillServer, client: StaffClient
) -> None:
    client.look()
    log_in(client)

    assert paths(server) == ["client/latest", "login"]


def test_a_proof_without_a_nonce_is_signed_again_with_the_servers(server: TillServer, client: StaffClient) -> None:
    log_in(client)

    assert [call["problem"] for call in server.calls] == ["use_dpop_nonce", None]


def test_a_new_nonce_is_taken_from_every_answer(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.nonce, server.nonces = "nonce-2", {"nonce-1", "nonce-2"}
    client.check()
    server.nonces = {"nonce-2"}
    client.check()

    assert [call["problem"] for call in server.called("/api/v2/session")] == [None, None]


def test_a_server_that_never_takes_a_nonce_is_not_asked_for_ever(server: TillServer, client: StaffClient) -> None:
    server.nonces = set()

    with pytest.raises(Refused) as caught:
        log_in(client)

    assert caught.value.code == "use_dpop_nonce"
    assert len(server.calls) == 3


@pytest.mark.parametrize("seconds", [-900, 900])
def test_a_till_fifteen_minutes_off_works(server: TillServer, client: StaffClient, seconds: float) -> None:
    server.seconds_ahead = seconds

    log_in(client)

    assert client.clock.skew_minutes() in (-seconds // 60, -seconds // 60 + (1 if seconds > 0 else -1))


def test_a_clock_that_jumped_is_learnt_anew_from_the_refusal(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.seconds_ahead = 900  # as after a machine slept, when its monotonic clock stood still

    client.check()

    assert [call["problem"] for call in server.called("/api/v2/session")] == ["clock_skew", None]


def test_server_time_runs_on_by_a_clock_that_nobody_sets() -> None:
    wall, monotonic = [1_000.0], [50.0]
    clock = ServerClock(wall=lambda: wall[0], monotonic=lambda: monotonic[0])

    clock.learn("Thu, 01 Jan 1970 01:00:00 GMT")
    wall[0], monotonic[0] = 9_999_999.0, 60.0

    assert clock.now() == 3610.0


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_date_that_cannot_be_read_changes_nothing(date: str | None) -> None:
    clock = ServerClock(wall=lambda: 1_000.0, monotonic=lambda: 0.0)

    clock.learn(date)

    assert clock.now() == 1_000.0


def test_a_refusal_carries_its_code_and_reference(server: TillServer, client: StaffClient) -> None:
    server.will_answer("/api/v2/login", 401, {"code": "login_refused", "reference": "K7Q-42M"})

    with pytest.raises(Refused) as caught:
        log_in(client)

    assert (caught.value.code, caught.value.reference) == ("login_refused", "K7Q-42M")
    assert not caught.value.ends_session


def test_a_throttle_tells_how_long_to_wait_and_is_not_pressed(server: TillServer, client: StaffClient) -> None:
    client.look()
    server.will_answer("/api/v2/login", 429, {"code": "too_many_attempts"}, Retry_After="42")

    with pytest.raises(Refused) as caught:
        log_in(client)

    assert caught.value.retry_after == 42
    assert len(server.called("/api/v2/login")) == 1


def test_a_pending_log_in_tells_reference_and_pause(server: TillServer, client: StaffClient) -> None:
    server.will_answer("/api/v2/login", 202, {"status": "pending", "reference": "K7Q-42M", "retryAfter": 15})

    assert log_in(client) == Pending("K7Q-42M", 15)


def test_a_busy_server_is_asked_three_times_with_a_new_proof_each(server: TillServer, client: StaffClient) -> None:
    client.look()
    server.will_answer("/api/v2/login", 503)
    server.will_answer("/api/v2/login", 502)

    log_in(client)

    assert len(server.called("/api/v2/login")) == 3  # the server refuses a proof that it saw before


def test_after_three_tries_the_server_counts_as_gone(server: TillServer, client: StaffClient) -> None:
    client.look()
    for _ in range(5):
        server.will_answer("/api/v2/login", 500)

    with pytest.raises(ServerUnreachable):
        log_in(client)
    assert len(server.called("/api/v2/login")) == 3


def test_nobody_at_the_address_is_a_server_gone() -> None:
    client = StaffClient(base_url="http://127.0.0.1:9", key=DeviceKey.make(), language="en")

    with pytest.raises(ServerUnreachable):
        client.look()


def test_a_silent_server_is_given_up(server: TillServer, client: StaffClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(client)
    monkeypatch.setattr(client_module, "READ_SECONDS", 0.2)

    def silence() -> tuple[int, dict[str, object], dict[str, str]]:
        time.sleep(0.6)
        return 200, {}, {}

    server.answers["/api/v2/session"] = [silence]

    with pytest.raises(ServerUnreachable):
        client.check()


def test_a_redirect_is_not_followed(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.will_answer("/api/v2/session", 302, Location="http://127.0.0.1:9/steal")

    with pytest.raises(ServerUnreachable):
        client.check()


def test_a_token_that_soon_runs_out_is_renewed_first(server: TillServer, client: StaffClient) -> None:
    server.token_seconds = 60
    log_in(client)
    client.check()

    renewal = server.called("/api/v2/token/refresh")[0]
    assert renewal["body"] == {"refreshToken": "refresh-1"}
    assert len(renewal["headers"]["Idempotency-Key"]) == 32
    assert server.called("/api/v2/session")[0]["headers"]["Authorization"] == "DPoP access-2"


def test_a_lost_renewal_is_asked_for_again_with_the_same_key(server: TillServer, client: StaffClient) -> None:
    server.token_seconds = 60
    log_in(client)
    for _ in range(client_module.TRIES):
        server.will_answer("/api/v2/token/refresh", 503)
    with pytest.raises(ServerUnreachable):
        client.check()
    client.check()
    client.check()

    keys = [call["headers"]["Idempotency-Key"] for call in server.called("/api/v2/token/refresh")]
    assert len(set(keys[:4])) == 1  # the lost tries and the one that came through
    assert keys[4] != keys[0]  # the next renewal is another


def test_a_token_that_the_server_no_longer_takes_is_renewed_once(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.will_answer("/api/v2/session", 401, {"code": "invalid_token"})

    client.check()

    assert paths(server)[-3:] == ["session", "token/refresh", "session"]


def test_tokens_that_cannot_be_renewed_are_not_a_revocation(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.will_answer("/api/v2/session", 401, {"code": "invalid_token"})
    server.will_answer("/api/v2/token/refresh", 401, {"code": "invalid_token"})

    with pytest.raises(LoginExpired):
        client.check()


def test_a_revoked_session_says_so_and_is_not_asked_again(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.will_answer("/api/v2/session", 401, {"code": "session_revoked", "reason": "unbound"})

    with pytest.raises(Refused) as caught:
        client.check()

    assert caught.value.ends_session
    assert len(server.called("/api/v2/session")) == 1


def test_log_out_ends_the_session_and_forgets_the_tokens(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    client.log_out()

    assert server.called("/api/v2/logout")[0]["headers"]["Authorization"] == "DPoP access-1"
    with pytest.raises(LoginExpired):
        client.check()


def test_log_out_is_quiet_where_the_server_is_gone(server: TillServer, client: StaffClient) -> None:
    log_in(client)
    server.will_answer("/api/v2/logout", 503)

    client.log_out()


def test_a_netrc_cannot_replace_our_authorization(
    server: TillServer, client: StaffClient, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="ascii") as file:  # noqa: PTH123 - one line
        file.write("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", netrc)
    assert requests.utils.get_netrc_auth(server.origin) is not None

    log_in(client)
    client.check()

    assert server.called("/api/v2/session")[0]["headers"]["Authorization"].startswith("DPoP ")
