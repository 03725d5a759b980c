"""The production shape as a whole: what only all parts together can show."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import requests

from backend.devtools.children import CannotStart
from backend.devtools.stack import Stack, running_stack

pytestmark = pytest.mark.slow


def get(stack: Stack, path: str) -> requests.Response:
    return requests.get(stack.origin + path, verify=str(stack.ca_file), timeout=20, allow_redirects=False)


def test_it_is_ready_with_redis(stack: Stack):
    assert get(stack, "/readyz").json() == {"status": "ok", "degraded": []}


def test_the_api_answers_through_nginx_with_its_nonce_and_one_request_id(stack: Stack):
    answer = get(stack, "/api/v2/client/latest")

    assert answer.status_code == 200
    assert answer.headers["DPoP-Nonce"]
    assert len(answer.headers["X-Request-ID"]) == 32


def test_the_back_office_opens_with_hashed_static_files_served_by_nginx(stack: Stack):
    page = get(stack, "/admin/login/")
    style = next(part for part in page.text.split('"') if part.startswith("/static/") and part.endswith(".css"))

    assert page.status_code == 200
    assert get(stack, style).headers["Cache-Control"].endswith("immutable")


def test_the_tills_servers_have_no_back_office(stack: Stack):
    asked = {"Host": urlsplit(stack.origin).netloc, "X-Forwarded-Proto": "https"}
    found = {
        name: requests.get(f"http://127.0.0.1:{port}/admin/login/", headers=asked, timeout=20).status_code
        for name, port in stack.ports.items()
    }

    assert found == {"till-1": 404, "till-2": 404, "office": 200}


def test_cookies_are_for_this_host_and_https_alone(stack: Stack):
    cookie = get(stack, "/admin/login/").headers["Set-Cookie"]

    assert cookie.startswith("__Host-")
    assert "Secure" in cookie


def test_four_hundred_requests_of_forty_clients_are_all_answered(stack: Stack):
    with ThreadPoolExecutor(40) as clients:
        statuses = set(clients.map(lambda _: get(stack, "/api/v2/client/latest").status_code, range(400)))

    assert statuses <= {200, 429}


def test_its_commands_run_on_its_own_database(stack: Stack):
    assert "missing" not in stack.manage("create_indexes", "--check")


def test_secrets_are_readable_by_their_owner_alone(stack: Stack):
    for file in (stack.directory / "secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_redis_takes_nobody_without_the_password(stack: Stack):
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=int(urlsplit(stack.redis_url).port or 0)).ping()


def test_a_taken_port_is_one_line(stack: Stack, tmp_path: Path):
    port = int(urlsplit(stack.origin).port or 0)

    with pytest.raises(CannotStart, match=f"^Port {port} is taken"), running_stack(tmp_path, port=port):
        pass


def test_nothing_of_it_listens_beyond_this_machine(stack: Stack):
    assert all(
        urlsplit(address).hostname == "127.0.0.1" for address in (stack.origin, stack.http_origin, stack.redis_url)
    )
    assert os.path.commonpath([stack.directory, stack.ca_file]) == str(stack.directory)
