"""Where gunicorn's workers count: a directory of its own in memory that nobody else takes, or one that it was given."""

import fcntl
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backend.devtools.children import Child, free_port, running
from backend.devtools.run import answers
from tests.stack.test_reload import ROOT, workers_of

MEMORY = Path("/dev/shm")

Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start gunicorn with our configuration and an application that needs nothing."""
    with ExitStack() as servers:

        def start(**environment: str) -> Child:
            ports = free_port(), free_port()
            command = [sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py"]
            bound = [word for port in ports for word in ("--bind", f"127.0.0.1:{port}")]
            child = Child(
                "gunicorn",
                [*command, *bound, "wsgiref.simple_server:demo_app"],
                directory=ROOT,
                environment={"GUNICORN_WORKERS": "1", "METRICS_PORT": str(ports[1]), **environment},
                log=tmp_path / f"gunicorn-{ports[0]}.log",
            )
            servers.enter_context(running(child))
            child.wait_until(lambda: answers(f"http://127.0.0.1:{ports[0]}/"), seconds=30)
            return child

        yield start


def directory_of(server: Child) -> Path:
    """Return the directory in memory that `server` keeps open."""
    links = [str(entry.readlink()) for entry in Path(f"/proc/{server.pid}/fd").iterdir()]
    (found,) = {link for link in links if link.startswith(f"{MEMORY}/") and Path(link).is_dir()}
    return Path(found)


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_what_a_killed_server_left_goes_with_the_next_start_and_what_a_living_one_uses_stays(start: Start) -> None:
    killed = start()
    abandoned = directory_of(killed)
    (abandoned / "counter_0.db").touch()
    descriptor = os.open(abandoned, os.O_RDONLY | os.O_DIRECTORY)
    os.kill(killed.pid, signal.SIGKILL)
    killed.process.wait()
    # Waits for the last of its workers, and keeps what another test's server would tidy up.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    assert abandoned.is_dir()
    os.close(descriptor)

    living = start()
    assert not abandoned.exists()
    kept = directory_of(living)
    start()
    assert kept.is_dir()

    before = workers_of(living.pid)
    os.kill(living.pid, signal.SIGHUP)
    wait_for(lambda: bool(workers_of(living.pid)) and not before & workers_of(living.pid))
    assert directory_of(living) == kept

    living.stop()
    assert not kept.exists()


def test_its_own_lines_are_masked_json(start: Start) -> None:
    server = start()
    address = re.search(r"http://127\.0\.0\.1:(\d+) ", (log := server.log or Path()).read_text(encoding="utf-8"))
    assert address is not None
    with socket.create_connection(("127.0.0.1", int(address[1])), timeout=10) as connection:
        connection.sendall(b"GET /?token=hidden HTTP/13800138000\r\n\r\n")
        assert b"400" in connection.recv(1000)
    wait_for(lambda: "Invalid request" in log.read_text(encoding="utf-8"))
    written = log.read_text(encoding="utf-8")
    assert [json.loads(line)["logger"] for line in written.splitlines()]
    assert "138******00" in written
    assert "hidden" not in written


def test_a_directory_that_was_given_begins_empty_and_stays(start: Start, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "gauge_livesum_3.db").touch()
    (given / "mine.txt").write_text("not a figure", encoding="utf-8")

    server = start(PROMETHEUS_MULTIPROC_DIR=str(given))
    assert [file.name for file in given.iterdir()] == ["mine.txt"]
    (given / "counter_0.db").touch()
    before = workers_of(server.pid)
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: bool(workers_of(server.pid)) and not before & workers_of(server.pid))
    server.stop()

    assert {file.name for file in given.iterdir()} == {"mine.txt", "counter_0.db"}
