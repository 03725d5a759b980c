"""`make run`: one clear line for what stands in its way, and nothing left running behind it."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from backend.devtools.children import free_port
from backend.devtools.run import is_loopback, shell_command, without_password
from tests.ops.processes import alive, children_of, command, eventually, read_until, started

RUN = "backend.devtools.run"


def test_a_taken_port_is_one_line_that_names_another(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = command(RUN, PORT=str(port), VAR_DIR=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr == f"Port {port} is taken: stop what uses it, or take another: PORT={port + 1} make run\n"


def test_a_port_that_is_none_is_one_line(tmp_path: Path):
    done = command(RUN, PORT="http", VAR_DIR=str(tmp_path))

    assert (done.returncode, done.stderr) == (1, "PORT is 'http': it must be a number from 1 to 65535.\n")


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "var").write_text("in the way")

    done = command(RUN, PORT=str(free_port()), VAR_DIR=str(tmp_path / "var" / "data"))

    assert (done.returncode, done.stderr) == (1, f"Cannot write in {tmp_path}/var/data: Not a directory.\n")


def test_a_dead_database_is_one_line_without_its_password(tmp_path: Path):
    port = free_port()
    uri = f"mongodb://someone:secret@127.0.0.1:{port}/?directConnection=true"

    done = command(RUN, PORT=str(free_port()), VAR_DIR=str(tmp_path), MONGO_URI=uri)

    assert done.returncode == 1
    assert done.stderr.startswith(f"No database answers at mongodb://127.0.0.1:{port}: ")
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


def test_a_database_of_another_machine_is_refused(tmp_path: Path):
    done = command(RUN, PORT=str(free_port()), VAR_DIR=str(tmp_path), MONGO_URI="mongodb://db.example.com/")

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "not on this machine" in done.stderr


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("mongodb://127.0.0.1:27017/", True),
        ("mongodb://user:pass@localhost/", True),
        ("mongodb://[::1]:27017/", True),
        ("mongodb://127.0.0.1,10.0.0.5/", False),
        ("mongodb://localhost.example.com/", False),
        ("mongodb+srv://cluster.example.com/", False),
    ],
)
def test_only_loopback_addresses_are_this_machine(uri: str, ours: bool):
    assert is_loopback(uri) == ours


def test_an_address_is_shown_without_its_password():
    assert without_password("mongodb://me:secret@127.0.0.1:1/?a=b") == "mongodb://127.0.0.1:1"


@pytest.mark.slow
def test_it_serves_the_demo_and_stops_everything_it_started(tmp_path: Path):
    port = free_port()
    with started("-m", RUN, PORT=str(port), VAR_DIR=str(tmp_path)) as process:
        said = read_until(process, "Ctrl-C stops everything")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
        assert (tmp_path / "mongo.uri").read_text().startswith("mongodb://127.0.0.1:")
        mine = children_of(process.pid)
        assert len(mine) >= 4  # MongoDB, the sweeper, gunicorn and its worker
        assert f"http://127.0.0.1:{port}/admin/" in said
        assert "13800000001" in said

        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
        assert eventually(lambda: not any(map(alive, mine)))
        assert not (tmp_path / "mongo.uri").exists()


@pytest.mark.slow
def test_killed_it_leaves_no_process_behind_and_starts_again(tmp_path: Path):
    port = free_port()
    with started("-m", RUN, PORT=str(port), VAR_DIR=str(tmp_path)) as process:
        read_until(process, "Ctrl-C stops everything")
        mine = children_of(process.pid)

        os.kill(process.pid, signal.SIGKILL)

        assert eventually(lambda: not any(map(alive, mine)))
    with started("-m", RUN, PORT=str(port), VAR_DIR=str(tmp_path)) as process:
        read_until(process, "Ctrl-C stops everything")


def test_the_printed_command_starts_the_shell_against_the_printed_port():
    assert shell_command("http://127.0.0.1:8000") == "make shell"
    assert shell_command("http://127.0.0.1:8231") == "SHELL_API_BASE_URL=http://127.0.0.1:8231 make shell"
