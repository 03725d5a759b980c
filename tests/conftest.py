"""One real MongoDB and one real Redis for the whole run, and a database that is clean before every test."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import django
import pytest

from backend.devtools.servers import mongo_server, redis_server
from tests.support import flush

pytest_plugins = ["tests.support.fixtures"]
# What takes longest begins first, so that no process is left with it alone at the end.
FIRST = ("tests/stack", "tests/shell", "tests/screens", "tests/ops")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, then name the settings and set Django up, which reads their addresses once."""
    if config.option.help or config.option.version or getattr(config.option, "numprocesses", None):
        return  # no test runs in this process; with pytest-xdist each worker comes here itself
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests name their settings themselves.")
    servers = ExitStack()
    config.add_cleanup(servers.close)
    directory = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True)))
    kind = os.environ.get("MONGO_SERVER", "embedded")
    os.environ["MONGO_URI"] = servers.enter_context(mongo_server(directory / "mongo", kind))
    os.environ["REDIS_URL"] = servers.enter_context(redis_server(directory / "redis"))
    os.environ["VAR_DIR"] = str(directory / "var")
    (directory / "var" / "static").mkdir(parents=True)  # where collected files would stand: WhiteNoise looks for it
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings.test"
    for name in ("MONGO_DB", "REDIS_CACHE_URL", "PUBLIC_ORIGIN", "TRUSTED_PROXIES"):
        os.environ.pop(name, None)  # a developer's shell must not reach into the tests
    django.setup()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the folders that take longest first."""

    def place(item: pytest.Item) -> int:
        folder = "/".join(item.path.relative_to(config.rootpath).parts[:2])
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=place)  # stable: within a folder the order stays


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Teach the test cases to clear only what a test wrote."""
    flush.install()


@pytest.fixture(autouse=True)
def _clean_redis(request: pytest.FixtureRequest) -> None:
    """Let no throttle, nonce or session of one test reach the next."""
    if "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        from backend.core.redis import found, redis  # noqa: PLC0415 - Django is not set up when this file is read

        found()
        connection = redis()
        assert connection is not None, "the tests run with a Redis"
        connection.flushdb()
