"""Log lines: JSON, one a line, with request, staff, device and route, without secrets and phones."""

import json
import logging
from types import SimpleNamespace

import pytest
from bson import ObjectId
from django.test import RequestFactory

from backend.core.logs import JsonFormatter, current_request

SECRET = "Xq7hidden9zT"
PHONE = "13800138000"


def line(message: str, *, exception: BaseException | None = None, **extra: object) -> str:
    info = (type(exception), exception, exception.__traceback__) if exception else None
    record = logging.LogRecord("backend.x", logging.INFO, __file__, 1, message, (), info)
    record.__dict__.update(extra)
    return JsonFormatter().format(record)


@pytest.mark.parametrize(
    "message",
    [
        f"GET /till/enter/{SECRET}/",
        f"mongodb://app:{SECRET}@mongo1/userdb",
        f"redis://:{SECRET}@redis:6379/0",
        f"password={SECRET} given",
        f"{{'refreshToken': '{SECRET}', 'x': 1}}",
        f'{{"pin": "{SECRET}"}}',
        f"Authorization: DPoP {SECRET}",
        f"Cookie: {SECRET}",
        f"Cookie: a=b; __Host-till={SECRET}; c=d",
        f"'HTTP_COOKIE': 'a=b; till={SECRET}'",
        f"till={SECRET}; path=/",
        f"csrfmiddlewaretoken={SECRET}&next=/",
        f"X-CSRFToken: {SECRET}",
        f"{{'access_token': '{SECRET}'}}",
        f"JWT_SECRET_KEY={SECRET}",
        f"new_password1={SECRET}",
        f"activation_code={SECRET}",
        f"Authorization: Bearer {SECRET} more",
        f"DPoP: {SECRET}",
        f"%2Ftill%2Fenter%2F{SECRET}%2F",
        f"eyJhbGciOi.{SECRET}",
        f"not allowed: eyjhbgcioi.{SECRET}",
    ],
)
def test_no_secret_reaches_a_log_not_even_in_an_exception(message: str) -> None:
    assert SECRET not in line(message)
    try:
        raise ValueError(message)  # noqa: TRY301
    except ValueError as error:
        written = line("failed", exception=error)
    assert SECRET not in written
    assert "ValueError" in json.loads(written)["exception"]


@pytest.mark.parametrize(
    "written",
    [
        PHONE,
        "+8613800138000",
        "008613800138000",
        "013800138000",
        "138 0013 8000",
        "+86 138 0013 8000",
        "138-0013-8000",
        "138+0013+8000",
        "138%200013%208000",
        "phone=13800138000,",
        "q=%2013800138000",
        "q=%2B8613800138000&x",
    ],
)
def test_a_phone_shows_three_and_two_digits(written: str) -> None:
    said = json.loads(line(f"of {written} now"))["message"]
    assert "138******00" in said
    assert "0013" not in said


def test_a_phone_in_full_width_digits_and_one_of_another_country_are_masked_too() -> None:
    wide = PHONE.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert wide[3:9] not in json.loads(line(f"of {wide}"))["message"]
    assert "555501" not in line("of +16505550123")


@pytest.mark.parametrize(
    "text",
    [
        "at 1764010000000",  # milliseconds since 1970
        "order 673b1380013800012345abcd",
        "2026-11-24T20:00:00+0800",
        "tokens left, pinned: no",
        "GET /till/orders/",
    ],
)
def test_what_only_looks_like_a_phone_or_a_secret_stays(text: str) -> None:
    assert json.loads(line(text))["message"] == text


@pytest.mark.parametrize("forged", ['a\n{"level": 1}', "a\r\nb", "a\u2028b", "a\x1b[2Jb", "a\x85b", 'a", "level": "X'])
def test_a_message_forges_no_second_line_and_no_field(forged: str) -> None:
    written = line(forged)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written)["message"] == forged
    assert json.loads(written)["level"] == "INFO"


def test_a_line_says_who_asked_for_what_and_how_long_it_took() -> None:
    request = RequestFactory().post(f"/api/v2/orders?phone={PHONE}")
    request.resolver_match = SimpleNamespace(route="api/v2/orders")  # type: ignore[assignment]
    staff = ObjectId()
    request.actor = SimpleNamespace(id=staff, device="thumbprint")  # type: ignore[attr-defined]
    token = current_request.set(request)
    try:
        said = json.loads(line("answered", request_id="abc", status=201, milliseconds=2.5))
    finally:
        current_request.reset(token)
    about = {"method": "POST", "route": "api/v2/orders", "staff": str(staff), "device": "thumbprint"}
    assert about.items() <= said.items()
    assert {"requestId": "abc", "status": 201, "milliseconds": 2.5, "logger": "backend.x"}.items() <= said.items()
    assert PHONE not in json.dumps(said)


def test_a_stack_is_masked_too() -> None:
    assert "***" in line("x", stack_info="password=abc")
