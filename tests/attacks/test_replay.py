"""A proof that was overheard, forged or made for something else opens nothing; without its guard it would."""

import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.accounts import dpop, jws, replay
from backend.accounts.api import base
from backend.accounts.dpop import issue_nonce
from backend.accounts.replay import RUN
from tests.attacks.servers import MortalRedis
from tests.attacks.wire import SESSION, greet, outcome, overhear
from tests.factories import make_staff
from tests.support.till import DeviceKey, Till, encoded

WORKERS = 3
Patch = Callable[[pytest.MonkeyPatch, Till], None]


@pytest.fixture
def till(db: None, make_till: Any) -> Till:
    """A till that is logged in and has the current nonce."""
    logged_in: Till = make_till(make_staff()).log_in()
    return logged_in


# --- one process: every attack, and what happens where its guard is taken away ----------------------
def again(till: Till) -> str:
    request = overhear(till)
    assert outcome(request.sent(till)) == "ok"
    return outcome(request.sent(till))


def with_nonce(nonce: Callable[[], str]) -> Callable[[Till], str]:
    return lambda till: outcome(overhear(till, nonce=nonce()).sent(till))


def with_claim(**changes: Any) -> Callable[[Till], str]:
    return lambda till: outcome(overhear(till, **changes).sent(till))


def six_minutes_old() -> str:
    stamp = f"{int(time.time()) - 360:x}"
    from django.conf import settings  # noqa: PLC0415 - Django is not set up when this file is read

    return f"{stamp}.{dpop._mac(settings.NONCE_SECRET_KEY, stamp, RUN.current())}"


def of_a_server_with_another_secret() -> str:
    stamp = f"{int(time.time()):x}"
    return f"{stamp}.{dpop._mac('the secret of quite another server', stamp, RUN.current())}"


def unsigned(till: Till, **header: Any) -> str:
    parts = ({"typ": "dpop+jwt", "jwk": till.key.jwk, **header}, till.claims("GET", SESSION))
    return ".".join(encoded(json.dumps(part).encode()) for part in parts)


def send(till: Till, proof: str) -> str:
    return outcome(till.send("GET", SESSION, None, {"Authorization": f"DPoP {till.access_token}", "DPoP": proof}))


def without_a_signature(till: Till) -> str:
    return send(till, unsigned(till, alg="none") + ".")


def signed_with_the_public_key(till: Till) -> str:
    text = unsigned(till, alg="HS256")
    return send(till, f"{text}.{encoded(hmac.digest(till.key.jwk['x'].encode(), text.encode(), 'sha256'))}")


def signed_with_a_key_beside_the_one_it_shows(till: Till) -> str:
    return send(till, DeviceKey().sign(till.claims("GET", SESSION), jwk=till.key.jwk))


def showing_its_private_key(till: Till) -> str:
    jwk = {**till.key.jwk, "d": encoded(till.key._private.private_bytes_raw())}
    return send(till, till.key.sign(till.claims("GET", SESSION), jwk=jwk))


def showing_a_key_of_another_kind(till: Till) -> str:
    return send(till, till.key.sign(till.claims("GET", SESSION), jwk={**till.key.jwk, "crv": "X25519"}))


def with_a_key_of_ones_own(till: Till) -> str:
    thief = Till(till.send, origin=till.origin, phone=till.phone)
    thief.access_token, thief.nonce = till.access_token, till.nonce
    return outcome(overhear(thief).sent(thief))


def forgetting_proofs(monkeypatch: pytest.MonkeyPatch, till: Till) -> None:
    monkeypatch.setattr(replay, "_proof_id", lambda _proof: uuid.uuid4().hex)


def taking_any_nonce(monkeypatch: pytest.MonkeyPatch, till: Till) -> None:
    monkeypatch.setattr(replay, "nonce_holds", lambda _nonce, _run: True)


def reading_no_claims(monkeypatch: pytest.MonkeyPatch, till: Till) -> None:
    monkeypatch.setattr(dpop, "_check_claims", lambda *_: None)


def believing_the_header(monkeypatch: pytest.MonkeyPatch, till: Till) -> None:
    def believed(text: str, **_: Any) -> tuple[jws.Signer, dict[str, Any]]:
        return jws.Signer(None, till.key.thumbprint), jws._object(text.split(".")[1])  # type: ignore[arg-type]

    monkeypatch.setattr(dpop, "verified", believed)


def believing_the_token_alone(monkeypatch: pytest.MonkeyPatch, till: Till) -> None:
    def believed(request: Any, **about: Any) -> dpop.Proof:
        return replace(dpop.verify(request, **about), key=till.key.thumbprint)

    monkeypatch.setattr(base, "verify", believed)


ATTACKS: dict[str, tuple[Callable[[Till], str], str, Patch]] = {
    "the same proof again": (again, "invalid_dpop_proof", forgetting_proofs),
    "an old nonce": (with_nonce(six_minutes_old), "use_dpop_nonce", taking_any_nonce),
    "a nonce of another run": (with_nonce(lambda: issue_nonce("0" * 40)), "use_dpop_nonce", taking_any_nonce),
    "a nonce of another server": (with_nonce(of_a_server_with_another_secret), "use_dpop_nonce", taking_any_nonce),
    "a made-up nonce": (with_nonce(lambda: "0.x"), "use_dpop_nonce", taking_any_nonce),
    "another method": (with_claim(htm="POST"), "invalid_dpop_proof", reading_no_claims),
    "another address": (with_claim(htu="http://testserver/api/v2/logout"), "invalid_dpop_proof", reading_no_claims),
    "another server": (with_claim(htu=f"https://evil.example{SESSION}"), "invalid_dpop_proof", reading_no_claims),
    "another token": (with_claim(ath=encoded(b"x" * 32)), "invalid_dpop_proof", reading_no_claims),
    "no token": (with_claim(ath=None), "invalid_dpop_proof", reading_no_claims),
    "an hour ago": (with_claim(iat=int(time.time()) - 3600), "clock_skew", reading_no_claims),
    "alg none": (without_a_signature, "invalid_dpop_proof", believing_the_header),
    "HS256": (signed_with_the_public_key, "invalid_dpop_proof", believing_the_header),
    "another signer": (signed_with_a_key_beside_the_one_it_shows, "invalid_dpop_proof", believing_the_header),
    "a private key": (showing_its_private_key, "invalid_dpop_proof", believing_the_header),
    "another kind of key": (showing_a_key_of_another_kind, "invalid_dpop_proof", believing_the_header),
    "a key of one's own": (with_a_key_of_ones_own, "invalid_token", believing_the_token_alone),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_proof_that_is_not_this_requests_opens_nothing(till: Till, name: str) -> None:
    attack, refusal, _guard = ATTACKS[name]

    assert attack(till) == refusal


@pytest.mark.parametrize("name", ATTACKS)
def test_without_its_guard_the_same_would_open_it(till: Till, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack, _refusal, guard = ATTACKS[name]
    guard(monkeypatch, till)

    assert attack(till) == "ok"


# --- several workers, and the death of what remembers -----------------------------------------------
def listeners(make_till: Any, origin: str, number: int = 9) -> list[Till]:
    """Return connections of an attacker."""
    return [make_till("13700000000", origin=origin) for _ in range(number)]


def test_over_the_network_a_request_counts_once_for_all_workers(gunicorn: Any, make_till: Any) -> None:
    origin = gunicorn(WORKERS)
    till = make_till(make_staff(), origin=origin).log_in()
    thieves = listeners(make_till, origin)

    assert overhear(till).sent_to_all(thieves) == ["invalid_dpop_proof"] * 8 + ["ok"]
    login = {
        "phone": till.phone,
        "machineCode": till.machine_code,
        "device": {"name": "", "os": "", "clientVersion": "1.0.0"},
    }
    token, till.access_token = till.access_token, None
    assert overhear(till, "/api/v2/login", method="POST", body=login).sent_to_all(thieves) == (
        ["invalid_dpop_proof"] * 8 + ["ok"]
    )
    till.access_token = token
    assert two_proofs(till, origin) == "invalid_dpop_proof"
    assert bearer(till, "Bearer") == bearer(till, "Basic") == "invalid_token"


def bearer(till: Till, scheme: str) -> str:
    """Use the token as if whoever bears it were its owner, with no proof and with a right one."""
    plain = {"Authorization": f"{scheme} {till.access_token}"}
    answers = {
        outcome(till.send("GET", SESSION, None, headers))
        for headers in (plain, {**plain, "DPoP": till.proof("GET", SESSION)})
    }
    assert len(answers) == 1
    return answers.pop()


def two_proofs(till: Till, origin: str) -> str:
    """Send two proofs, each right, in two headers of one request."""
    greet(till)
    server = urlsplit(origin)
    connection = http.client.HTTPConnection(str(server.hostname), server.port, timeout=10)
    connection.putrequest("GET", SESSION)
    connection.putheader("Authorization", f"DPoP {till.access_token}")
    for _ in range(2):
        connection.putheader("DPoP", till.proof("GET", SESSION))
    connection.endheaders()
    code: str = json.loads(connection.getresponse().read())["code"]
    connection.close()
    return code


@pytest.mark.parametrize("durable", [False, True], ids=["in memory", "append-only file"])
def test_what_redis_forgot_when_it_was_killed_cannot_be_sent_again(
    gunicorn: Any,
    make_till: Any,
    tmp_path: Any,
    durable: bool,
) -> None:
    with MortalRedis(tmp_path, durable=durable) as server:
        origin = gunicorn(WORKERS, REDIS_URL=server.url)
        till = make_till(make_staff(), origin=origin).log_in()
        thieves = listeners(make_till, origin)
        used, kept_back = overhear(till), overhear(till)
        assert outcome(used.sent(till)) == "ok"

        server.kill()
        assert set(used.sent_to_all(thieves)) == {"use_dpop_nonce"}
        assert till.get(SESSION).status_code == 200, "the till goes on"
        in_the_outage = overhear(till)
        assert in_the_outage.sent_to_all(thieves) == ["invalid_dpop_proof"] * 8 + ["ok"]

        server.start()
        for request in (used, kept_back):
            assert set(request.sent_to_all(thieves)) == {"use_dpop_nonce"}
        assert set(in_the_outage.sent_to_all(thieves)) == {"invalid_dpop_proof"}, "MongoDB keeps what came meanwhile"
        assert till.get(SESSION).status_code == 200, "and on"


def test_a_redis_that_was_restarted_unseen_voids_what_it_forgot(gunicorn: Any, make_till: Any, tmp_path: Any) -> None:
    """No worker saw it go: each still holds the former run's number when the proof comes again."""
    with MortalRedis(tmp_path) as server:
        origin = gunicorn(WORKERS, REDIS_URL=server.url)
        till = make_till(make_staff(), origin=origin).log_in()
        request = overhear(till)
        assert outcome(request.sent(till)) == "ok"

        server.kill()
        server.start()

        assert set(request.sent_to_all(listeners(make_till, origin))) == {"use_dpop_nonce"}
