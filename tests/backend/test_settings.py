"""Production settings: what is missing or weak stops the start with one line; what is right passes the checks."""

import os
import subprocess
import sys

import pytest

from tests.support.workers import ROOT, free_port

GOOD = {
    "DJANGO_SETTINGS_MODULE": "backend.settings.prod",
    "SECRET_KEY": "wR3kq0ZpT8vYb2LxJ6nHc9MdFs5GaUeQ1iKo7PtVhXjB4yNrCz-mWgEuDlSA",
    "JWT_SECRET_KEY": "Jq7vXn2TzLw9RbKd4HsYc8GmPf3AuEi6OoVtWxQk1NhZj5MrBy0UgCeSpDaI",
    "NONCE_SECRET_KEY": "Nf5tGbYh7UjMki9OlP0aQswXde2CrvF4ThZyJuKnmLiB6oVpEqRtWzSxDcAg",
    "PUBLIC_ORIGIN": "https://tickets.example.com",
    "MONGO_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
CANNOT_LOAD = 4  # gunicorn's own word for it
SECRETS = ("SECRET_KEY", "JWT_SECRET_KEY", "NONCE_SECRET_KEY")
START = "import django; django.setup(); from django.conf import settings; print(settings.ENVIRONMENT)"


def run(*command: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python with good production settings, but for `changes`; None leaves a variable out."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "VAR_DIR") if name in os.environ}
    wanted = {name: value for name, value in {**kept, **GOOD, **changes}.items() if value is not None}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=wanted, capture_output=True, text=True, check=False, timeout=60
    )


def serve(*options: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Start gunicorn, as production does, and return how it ended by itself."""
    address = f"127.0.0.1:{free_port()}"
    return run("-m", "gunicorn", "backend.wsgi:application", "--bind", address, *options, **changes)


@pytest.mark.parametrize("changes", [{"SECRET_KEY": None}, {"JWT_SECRET_KEY": "short"}, {"MONGO_URI": None}], ids=str)
def test_the_server_does_not_start_and_says_why_in_one_line(changes):
    done = serve(**changes)

    (name,) = changes
    assert done.returncode == CANNOT_LOAD
    assert [line for line in done.stderr.splitlines() if line.startswith(name)], done.stderr
    assert "Traceback" not in done.stderr


def test_without_redis_a_second_process_is_refused(tmp_path):
    development = {"DJANGO_SETTINGS_MODULE": "backend.settings.dev", "VAR_DIR": str(tmp_path), "REDIS_URL": None}

    done = serve("--workers=2", MONGO_URI=os.environ["MONGO_URI"], **development)

    assert done.returncode == CANNOT_LOAD
    assert f"Another server process runs on {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"DJANGO_SETTINGS_MODULE"}))
def test_a_missing_value_is_named_in_one_line(name):
    done = run("-c", START, **{name: None})

    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(f"django.core.exceptions.ImproperlyConfigured: {name} is not set")


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["short", "a" * 60])
def test_a_weak_secret_is_named_in_one_line(name, value):
    last = run("-c", START, **{name: value}).stderr.strip().splitlines()[-1]

    assert f"{name} is too weak" in last
    assert value not in last


@pytest.mark.parametrize(
    "origin",
    ["https://tickets.example.com/", "http://tickets.example.com", "https://tickets.example.com/path", "tickets"],
)
def test_the_origin_must_be_one_over_tls(origin):
    assert "PUBLIC_ORIGIN must be an https origin" in run("-c", START, PUBLIC_ORIGIN=origin).stderr


def test_a_tills_server_has_no_back_office():
    routes = (
        "import django; django.setup(); from django.urls import get_resolver as r; print('admin' in r().namespace_dict)"
    )

    assert [run("-c", routes, SERVES=value).stdout.strip() for value in ("till", "all", "")] == [
        "False",
        "True",
        "True",
    ]
    assert "SERVES must be one of all, till" in run("-c", START, SERVES="office").stderr


def test_no_secret_may_serve_twice():
    assert "must differ" in run("-c", START, JWT_SECRET_KEY=GOOD["SECRET_KEY"]).stderr


def test_a_secret_may_stand_in_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(GOOD["SECRET_KEY"] + "\n", encoding="utf-8")

    assert run("-c", START, SECRET_KEY=None, SECRET_KEY_FILE=str(file)).stdout.strip() == "prod"
    missing = run("-c", START, SECRET_KEY=None, SECRET_KEY_FILE=str(tmp_path / "none")).stderr
    assert "SECRET_KEY_FILE: cannot read" in missing.strip().splitlines()[-1]


def test_good_settings_use_the_products_own_engine_and_json_in_redis():
    shown = "from django.conf import settings as s; import django; django.setup()\n"
    shown += "print(s.DATABASES['default']['ENGINE'], s.CACHES['state']['OPTIONS']['SERIALIZER'], s.DEBUG)"

    done = run("-c", shown)

    assert done.stdout.split() == ["django_mongodb_backend", "django_redis.serializers.json.JSONSerializer", "False"]
    assert "devtools" not in done.stdout


def test_good_settings_pass_djangos_own_checks():
    database = {"MONGO_URI": os.environ["MONGO_URI"], "MONGO_DB": "production_without_demo_data"}

    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **database)

    assert done.returncode == 0, done.stderr


def test_a_proxy_that_is_no_address_stops_the_start():
    assert "TRUSTED_PROXIES: '10.0.0' is neither" in run("-c", START, TRUSTED_PROXIES="10.0.0.1, 10.0.0").stderr
    assert run("-c", START, TRUSTED_PROXIES="10.0.0.1, 10.1.0.0/24, ::1").stdout.strip() == "prod"


@pytest.mark.parametrize(
    ("name", "value"), [("WEB_CONCURRENCY", "0"), ("MONGO_QUERY_SECONDS", "-1"), ("ALLOWED_HOSTS", "*")]
)
def test_a_value_that_would_do_harm_is_named_in_one_line(name, value):
    assert f"ImproperlyConfigured: {name} must " in run("-c", START, **{name: value}).stderr.strip().splitlines()[-1]
