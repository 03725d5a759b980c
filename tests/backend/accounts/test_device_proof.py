"""Device proofs: everything that RFC 9449 section 4.3 says must be refused, and what a clock may be off."""

import hmac
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from backend.accounts.dpop import issue_nonce
from backend.accounts.replay import RUN
from backend.core import clock
from tests.factories import make_staff
from tests.support.till import DeviceKey, Till, encoded

SESSION = "/api/v2/session"


def call(till: Till, proof: str | None, **headers: str):
    sent = {"Authorization": f"DPoP {till.access_token}", **headers}
    return till.send("GET", SESSION, None, {**sent, **({"DPoP": proof} if proof is not None else {})})


def code_of(answer) -> str:
    return "" if answer.status_code == 200 else answer.json()["code"]


def test_a_right_proof_is_taken_once(till):
    proof = till.proof("GET", SESSION)

    assert [code_of(call(till, proof)) for _ in range(2)] == ["", "invalid_dpop_proof"]


def test_the_same_number_under_another_key_is_another_proof(till, cinema, make_till):
    other = make_till(make_staff(cinemas=[cinema])).log_in()

    answers = [call(each, each.proof("GET", SESSION, jti="the-same-number")) for each in (till, other)]

    assert [code_of(answer) for answer in answers] == ["", ""]


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "POST"},
        {"htm": None},
        {"htu": "http://elsewhere.example/api/v2/session"},
        {"htu": "http://testserver/api/v2/login"},
        {"htu": "https://testserver/api/v2/session"},
        {"htu": "http://[broken"},
        {"htu": ["http://testserver/api/v2/session"]},
        {"ath": "wrong"},
        {"ath": None},
        {"ath": "\ud800"},
        {"ath": 7},
        {"jti": None},
        {"jti": "short"},
        {"jti": "with a space"},
        {"jti": "n" * 129},
        {"jti": {"$gt": ""}},
        {"iat": None},
        {"iat": "now"},
        {"iat": True},
        {"iat": float("nan")},
        {"iat": float("inf")},
        {"iat": 10**400},
        {"nbf": float("inf")},
    ],
    ids=str,
)
def test_a_proof_with_a_wrong_claim_is_refused(till, changes):
    answer = call(till, till.proof("GET", SESSION, **changes))

    assert (answer.status_code, code_of(answer)) == (401, "invalid_dpop_proof")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_dpop_proof"')


@pytest.mark.parametrize("uri", ["HTTP://TestServer:80/api/v2/session?x=1#y", "http://testserver/api/v2/%73ession"])
def test_the_address_is_compared_as_rfc_3986_says(till, uri):
    assert code_of(call(till, till.proof("GET", SESSION, htu=uri))) == ""


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"jwk": None},
        {"jwk": "key"},
        {"jwk": {}},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": 5}},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": []}},
        {"jwk": DeviceKey().jwk},
        {"crit": ["b64"], "b64": False},
    ],
    ids=[str(number) for number in range(12)],
)
def test_a_proof_with_a_wrong_header_is_refused(till, header):
    proof = till.key.sign(till.claims("GET", SESSION), **header)

    assert code_of(call(till, proof)) == "invalid_dpop_proof"


def test_a_proof_that_gives_its_private_key_away_is_refused(till):
    private = {**till.key.jwk, "d": encoded(till.key._private.private_bytes_raw())}

    assert code_of(call(till, till.key.sign(till.claims("GET", SESSION), jwk=private))) == "invalid_dpop_proof"


def unsigned(header: object, claims: object, signature: str = "") -> str:
    return ".".join([encoded(json.dumps(header).encode()), encoded(json.dumps(claims).encode()), signature])


def test_an_unsigned_proof_is_refused(till):
    for algorithm in ("none", "None", "", None, 5, ["EdDSA"], {"EdDSA": 1}):
        header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": till.key.jwk}
        assert code_of(call(till, unsigned(header, till.claims("GET", SESSION)))) == "invalid_dpop_proof"


def test_a_proof_signed_with_the_public_key_as_a_secret_is_refused(till):
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": till.key.jwk}
    for secret in (till.key.jwk["x"], json.dumps(till.key.jwk)):
        text = unsigned(header, till.claims("GET", SESSION)).rstrip(".")
        proof = f"{text}.{encoded(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"
        assert code_of(call(till, proof)) == "invalid_dpop_proof"


def test_other_algorithms_and_curves_are_refused(till):
    pss: Any = rsa.generate_private_key(65537, 2048)
    large: Any = ec.generate_private_key(ec.SECP384R1())
    kinds: list[tuple[str, Any, Any]] = [("RS256", pss, RSAAlgorithm), ("ES384", large, ECAlgorithm)]
    for algorithm, key, loader in kinds:
        jwk = loader.to_jwk(key.public_key(), as_dict=True)
        headers = {"typ": "dpop+jwt", "jwk": jwk}
        proof = jwt.encode(till.claims("GET", SESSION), key, algorithm=algorithm, headers=headers)
        assert code_of(call(till, proof)) == "invalid_dpop_proof"


@pytest.mark.parametrize(
    "text",
    ["", "x", "..", "a.b.c", "é.é.é", "A" * 5000, encoded(b"[" * 3000) + ".e30.", encoded(b'{"jwk":' * 400) + ".e30."],
    ids=["empty", "letter", "dots", "letters", "accents", "long", "deep", "deeper"],
)
def test_what_is_no_proof_at_all_is_refused(till, text):
    assert code_of(call(till, text)) == "invalid_dpop_proof"


def test_no_proof_and_two_proofs_are_refused(till):
    two = ",".join(till.proof("GET", SESSION) for _ in range(2))

    assert [code_of(call(till, proof)) for proof in (None, two)] == ["invalid_dpop_proof"] * 2


def test_a_token_without_its_proofs_scheme_is_refused(till):
    for scheme in ("Bearer", "Token", "Basic", "DPoPx"):
        answer = call(till, till.proof("GET", SESSION), Authorization=f"{scheme} {till.access_token}")
        assert code_of(answer) == "invalid_token"
    assert code_of(till.send("GET", SESSION, None, {"DPoP": till.proof("GET", SESSION)})) == "invalid_token"


def test_a_token_runs_out_however_often_it_was_read_before(till, settings, monkeypatch):
    assert till.get(SESSION).status_code == 200
    later = clock.now() + timedelta(seconds=settings.ACCESS_TOKEN_SECONDS)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert code_of(call(till, till.proof("GET", SESSION, iat=int(later.timestamp())))) == "invalid_token"


def test_a_stolen_token_is_worth_nothing_with_another_key(till, make_till):
    thief = make_till(till.phone)
    thief.access_token, thief.nonce = till.access_token, till.nonce

    assert code_of(thief.get(SESSION)) == "invalid_token"


def test_forged_tokens_are_refused(till, settings):
    claims = jwt.decode(till.access_token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(till.access_token)["kid"]
    refresh = till.refresh_token
    forgeries = [
        jwt.encode(claims, "another secret of enough length, really", algorithm="HS256", headers={"kid": kid}),
        jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        jwt.encode({**claims, "exp": 1}, settings.JWT_SECRET_KEY, algorithm="HS256", headers={"kid": kid}),
        jwt.encode(claims, settings.JWT_SECRET_KEY, algorithm="HS256"),
        refresh,
        "x.y.z",
        encoded(b"[" * 3000) + ".e30.",
    ]
    for forged in forgeries:
        till.access_token = forged
        assert code_of(till.get(SESSION)) == "invalid_token", forged


def test_es256_is_taken_as_well(seller, make_till):
    private = ec.generate_private_key(ec.SECP256R1())

    class EcKey(DeviceKey):
        def __init__(self) -> None:
            super().__init__()
            self.jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)

        def sign(self, claims, **header):
            headers = {"typ": "dpop+jwt", "jwk": self.jwk, **header}
            return jwt.encode(dict(claims), private, algorithm="ES256", headers=headers)

    till = make_till(seller, key=EcKey()).log_in()

    assert till.get(SESSION).status_code == 200


def test_one_key_has_one_thumbprint_however_it_is_spelled(till):
    x = till.key.jwk["x"]
    # 43 characters hold 258 bits, and the key has 256: what stands in the last two says nothing.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = {**till.key.jwk, "x": x[:-1] + letters[letters.index(x[-1]) + 1]}

    assert code_of(call(till, till.key.sign(till.claims("GET", SESSION), jwk=respelled))) == ""
    padded = {**till.key.jwk, "x": x + "="}
    assert code_of(call(till, till.key.sign(till.claims("GET", SESSION), jwk=padded))) == "invalid_dpop_proof"


def test_a_proof_needs_a_nonce_of_ours_that_is_fresh(till, settings):
    stamp, _dot, mac = till.nonce.partition(".")
    later = f"{int(stamp, 16) + 1:x}.{mac}"
    foreign = issue_nonce("another run of redis")
    wrong: list[object] = [None, "", "x", later, foreign, f"{stamp}.", f"{stamp}.é", "." + mac, "9" * 500 + ".x", 5]
    for nonce in wrong:
        answer = call(till, till.proof("GET", SESSION, nonce=nonce))
        assert code_of(answer) == "use_dpop_nonce", nonce
        assert answer.headers["WWW-Authenticate"].startswith('DPoP error="use_dpop_nonce"')
    fresh = till.proof("GET", SESSION)
    settings.NONCE_SECONDS = -1
    assert code_of(call(till, fresh)) == "use_dpop_nonce"


def test_a_nonce_outlives_a_change_of_its_secret_once(till, settings):
    settings.NONCE_SECRET_KEY_PREVIOUS = settings.NONCE_SECRET_KEY
    settings.NONCE_SECRET_KEY = "the next secret, which is long enough as well"
    assert code_of(call(till, till.proof("GET", SESSION))) == ""
    settings.NONCE_SECRET_KEY_PREVIOUS = ""
    assert code_of(call(till, till.proof("GET", SESSION))) == "use_dpop_nonce"


def test_tokens_outlive_a_change_of_their_secret(till, settings):
    settings.JWT_SECRET_KEY_PREVIOUS = settings.JWT_SECRET_KEY
    settings.JWT_SECRET_KEY = "the next secret of tokens, which is long enough as well"
    assert till.get(SESSION).status_code == 200
    settings.JWT_SECRET_KEY_PREVIOUS = ""
    assert till.get(SESSION).json()["code"] == "invalid_token"


def test_a_restarted_redis_voids_the_nonces_of_its_former_run(till, monkeypatch):
    monkeypatch.setattr(RUN, "of_redis", "0" * 40)
    stale = issue_nonce(RUN.of_redis)

    answer = call(till, till.proof("GET", SESSION, nonce=stale))

    assert code_of(answer) == "use_dpop_nonce"
    till.nonce = answer.headers["DPoP-Nonce"]
    assert till.get(SESSION).status_code == 200


@pytest.mark.parametrize(("off", "code"), [(-299, ""), (295, ""), (-310, "clock_skew"), (310, "clock_skew")])
def test_a_clock_may_be_five_minutes_off(till, off, code):
    answer = call(till, till.proof("GET", SESSION, iat=int(time.time()) + off))

    assert code_of(answer) == code
    if code:
        assert answer.json()["serverTime"].endswith("Z")
