"""The container's server before it is gunicorn: wrong settings end it, without its database it does not listen."""

import sys

import pytest
from gunicorn.arbiter import Arbiter

from backend.devtools.children import Child, free_port, is_free
from backend.ops.serve import CANNOT_LOAD
from tests.backend.test_settings import GOOD, ROOT, run
from tests.ops.processes import eventually


@pytest.mark.parametrize("changes", [{"SECRET_KEY": None}, {"PUBLIC_ORIGIN": "http://tickets.example.com"}], ids=str)
def test_wrong_settings_end_it_with_one_line(changes) -> None:
    done = run("-m", "backend.ops.serve", "--bind", f"127.0.0.1:{free_port()}", **changes)

    (name,) = changes
    assert done.returncode == CANNOT_LOAD == Arbiter.APP_LOAD_ERROR
    assert [line for line in done.stderr.splitlines() if line.startswith(name)], done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_that_it_waits_for_the_database_and_does_not_listen(tmp_path) -> None:
    port, log = free_port(), tmp_path / "serve.log"
    command = [sys.executable, "-m", "backend.ops.serve", "--bind", f"127.0.0.1:{port}"]
    child = Child("serve", command, environment=GOOD, directory=ROOT, log=log)
    try:
        assert eventually(lambda: "nothing listens here" in log.read_text(encoding="utf-8")), log.read_text("utf-8")
        assert child.runs()
        assert is_free(port)
    finally:
        child.stop()
