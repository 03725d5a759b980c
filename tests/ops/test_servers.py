"""The development servers: data is kept, locks are handled, nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo import MongoClient

from backend.devtools import servers
from backend.devtools.children import CannotStart, free_port, program
from backend.devtools.servers import mongo_child, mongo_server, ping, redis_server
from tests.ops.processes import alive, children_of, eventually, read_until, started

KEEPS_A_SERVER = """
import sys, time
from pathlib import Path
from backend.devtools.servers import mongo_child
with mongo_child(Path(sys.argv[1])) as (child, uri):
    print(child.pid, flush=True)
    time.sleep(600)
"""


def insert(uri: str, **document: Any) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        client.kept.things.insert_one(document)


def count(uri: str) -> int:
    with MongoClient[dict[str, Any]](uri) as client:
        return client.kept.things.count_documents({})


def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path):
    with mongo_server(tmp_path / "mongo") as uri:
        insert(uri, name="kept")

    with mongo_server(tmp_path / "mongo") as uri:
        assert count(uri) == 1


def test_a_killed_server_leaves_its_data_and_no_lock_that_matters(tmp_path: Path):
    with mongo_child(tmp_path / "mongo") as (child, uri):
        insert(uri, name="kept")
        os.kill(child.pid, signal.SIGKILL)
        child.process.wait()
    (tmp_path / "mongo.pid").write_text("999999 999998\n")

    with mongo_server(tmp_path / "mongo") as uri:
        assert count(uri) == 1


def test_the_server_ends_when_the_command_that_started_it_is_killed(tmp_path: Path):
    with started("-c", KEEPS_A_SERVER, str(tmp_path / "mongo")) as process:
        server = int(read_until(process, "\n"))
        assert alive(server)

        process.kill()

        assert eventually(lambda: not alive(server))


def test_a_start_right_after_a_kill_waits_for_the_former_server_to_let_go(tmp_path: Path):
    with started("-c", KEEPS_A_SERVER, str(tmp_path / "mongo")) as process:
        read_until(process, "\n")
        process.kill()

        with mongo_server(tmp_path / "mongo") as uri:
            ping(uri, seconds=2)


def test_a_server_that_outlived_its_command_is_stopped(tmp_path: Path):
    storage = tmp_path / "mongo"
    storage.mkdir()
    port = str(free_port())
    orphan = subprocess.Popen([program("secantusd-py", hint=""), "--port", port, "--storage-path", str(storage)])
    assert eventually((storage / "WiredTiger.lock").exists)
    time.sleep(1)
    (tmp_path / "mongo.pid").write_text(f"{orphan.pid} 999998\n")

    with mongo_server(storage) as uri:
        ping(uri, seconds=2)

    assert orphan.wait(5) is not None


def test_files_that_another_command_uses_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, "RELEASE_SECONDS", 0.5)
    with mongo_server(tmp_path / "mongo") as uri:
        with (
            pytest.raises(CannotStart, match=r"is in use by another MongoDB \(process \d+\)"),
            mongo_server(tmp_path / "mongo"),
        ):
            pass

        ping(uri, seconds=2)


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with (
        pytest.raises(CannotStart, match=r"^Cannot write in .*file/mongo: Not a directory\.$"),
        mongo_server(tmp_path / "file" / "mongo"),
    ):
        pass


def test_an_unknown_server_is_one_line(tmp_path: Path):
    with pytest.raises(CannotStart, match="must be `embedded` or `native`"), mongo_server(tmp_path / "mongo", "other"):
        pass


def test_a_native_server_that_was_not_built_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, "NATIVE_SERVER", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotStart, match="make mongo-native"), mongo_server(tmp_path / "mongo", "native"):
        pass


def test_redis_asks_for_its_password_and_hides_it_from_the_process_list(tmp_path: Path):
    with redis_server(tmp_path, "long-and-secret") as url:
        assert redis.Redis.from_url(url).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(url.replace(":long-and-secret@", "")).ping()
        listed = subprocess.run(["ps", "-ewwo", "command="], capture_output=True, text=True, check=True).stdout
        assert "long-and-secret" not in listed


WATCHES = """
import sys
from backend.devtools import tether
sys.exit(tether.watch(sys.argv[1:]))
"""


def test_the_portable_tether_ends_its_program_when_the_parent_is_gone():
    tether = subprocess.Popen([sys.executable, "-c", WATCHES, "sleep", "600"], stdin=subprocess.PIPE)
    assert tether.stdin
    assert eventually(lambda: bool(children_of(tether.pid)))
    (sleep,) = children_of(tether.pid)

    tether.stdin.close()

    assert tether.wait(10) != 0
    assert not alive(sleep)
