"""Requests made up from the API's own description, as every role and as nobody: no fault, nothing undescribed."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from requests.adapters import HTTPAdapter
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks
from urllib3 import HTTPResponse

from backend.accounts.roles import ROLES
from tests.attacks.test_other_cinemas import World
from tests.support.till import Till

ORIGIN = "http://testserver"
EXAMPLES = 6
PROMISES = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
# Ends the session that it is called in: judged with the other roles' doors in `test_permissions`.
LEFT_OUT = "/api/v2/logout"
NOBODY = "nobody"


class Proven(HTTPAdapter):
    """Sends a request to this process as a till does: with a proof for its very method and address."""

    def __init__(self, till: Till, *, token: bool) -> None:
        super().__init__()
        self.till, self.token = till, token

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Sign, send, and sign again where only the nonce was old."""
        till, path = self.till, request.path_url
        plain = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
        body = request.body.encode() if isinstance(request.body, str) else request.body
        owned = till.access_token
        till.access_token = owned if self.token else None
        for _try in range(2):
            proof = {"DPoP": till.proof(str(request.method), path)}
            token = {"Authorization": f"DPoP {till.access_token}"} if till.access_token else {}
            answer = till.send(str(request.method), path, body or b"", {**plain, **proof, **token})
            till.nonce = answer.headers["DPoP-Nonce"]
            if b"use_dpop_nonce" not in answer.content:
                break
        till.access_token = owned
        raw = HTTPResponse(io.BytesIO(answer.content), dict(answer.headers), answer.status_code, preload_content=False)
        return self.build_response(request, raw)


@pytest.fixture
def callers(db: None, make_till: Any, settings: Any) -> dict[str, requests.Session]:
    """One session a role, and one that has no token."""
    settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, "free_failures": 10**6, "address_failures": 10**6}
    world = World(make_till)
    made = {}
    for name in (*ROLES, NOBODY):
        made[name] = requests.Session()
        made[name].mount(ORIGIN, Proven(world.till("seller" if name == NOBODY else name), token=name != NOBODY))
    made["ids"] = world.here  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_whatever_is_made_up_is_answered_as_described(
    callers: Any, description: dict[str, Any], mode: GenerationMode
) -> None:
    ids = callers.pop("ids")
    schema = schemathesis.openapi.from_dict(description)
    swept: set[str] = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if not operation.path.startswith("/api/v2/") or operation.path == LEFT_OUT:
            continue
        if mode is GenerationMode.POSITIVE or operation.body:  # a query is text: none is wrong by its shape
            sweep(operation, mode, callers, ids, swept)

    assert len(swept) >= (15 if mode is GenerationMode.POSITIVE else 8)


def sweep(operation: Any, mode: GenerationMode, callers: Any, ids: dict[str, str], swept: set[str]) -> None:
    """Send what is made up for `operation` as everybody, to made-up ids and to real ones by turns."""
    real = [False]

    @hypothesis_settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        swept.add(operation.label)
        real[0] = not real[0]
        if real[0] and case.path_parameters:
            case.path_parameters = {name: ids.get(name, value) for name, value in case.path_parameters.items()}
        for session in callers.values():
            response = case.call(base_url=ORIGIN, session=session)
            case.validate_response(response, checks=PROMISES)

    made: Callable[[], None] = run
    made()


def test_an_answer_that_is_not_described_would_be_seen(callers: Any, description: dict[str, Any]) -> None:
    """The control: one line less in the description."""
    ids, poorer = callers.pop("ids"), copy.deepcopy(description)
    del poorer["paths"]["/api/v2/session"]["get"]["responses"]["401"]
    operation = schemathesis.openapi.from_dict(poorer)["/api/v2/session"]["GET"]

    with pytest.raises(FailureGroup, match="Undocumented status code"):
        sweep(operation, GenerationMode.POSITIVE, callers, ids, set())
