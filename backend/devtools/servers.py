"""The real servers of development and tests, as child processes: an embedded MongoDB and a Redis."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import redis
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from backend.devtools.children import CannotStart, Child, free_port, program, writable_directory

ROOT = Path(__file__).resolve().parents[2]
NATIVE_SERVER = ROOT / "var" / "bin" / "secantusd-rs"
AT_ONCE: signal.Signals = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no such signal
START_SECONDS = 60.0  # a million documents after a kill take 5 s on a fast disk
RELEASE_SECONDS = 20.0  # a server that was left behind is closing its files
PORT_TRIES = 3
IN_USE = "already being managed by another process"


def mongo_uri(port: int) -> str:
    """Return the address of the development server on `port`, with the options that it needs."""
    return f"mongodb://127.0.0.1:{port}/?directConnection=true&retryWrites=false"


@contextmanager
def mongo_server(storage: Path, kind: str = "embedded") -> Iterator[str]:
    """Run a MongoDB on the files in `storage` and yield its address.

    Args:
        storage: its directory, made if missing; the data of a former run is found again.
        kind: `embedded`, the one in pure Python, or `native`, its sibling from `make mongo-native`.

    Raises CannotStart with one line where it cannot run.
    """
    with mongo_child(storage, kind) as (_child, uri):
        yield uri


@contextmanager
def mongo_child(storage: Path, kind: str = "embedded") -> Iterator[tuple[Child, str]]:
    """Do what `mongo_server` does, for who also wants to know whether the process still runs."""
    executable = _mongo_program(kind)
    storage = writable_directory(storage.absolute())
    pid_file = storage.with_name(f"{storage.name}.pid")
    child, uri = _start_mongo(executable, storage, pid_file)
    try:
        yield child, uri
    finally:
        child.stop()
        pid_file.unlink(missing_ok=True)


def _mongo_program(kind: str) -> str:
    if kind == "embedded":
        return program("secantusd-py", hint="run `make run` once, it installs what is needed.")
    if kind != "native":
        raise CannotStart(f"MONGO_SERVER is {kind!r}: it must be `embedded` or `native`.")
    if NATIVE_SERVER.is_file():
        return str(NATIVE_SERVER)
    return program("secantusd-rs", hint="build it with `make mongo-native`, or leave MONGO_SERVER unset.")


def _start_mongo(executable: str, storage: Path, pid_file: Path) -> tuple[Child, str]:
    log = storage.with_name(f"{storage.name}.log")
    deadline = time.monotonic() + RELEASE_SECONDS
    tries = PORT_TRIES
    while True:
        port = free_port()
        uri = mongo_uri(port)
        command = [executable, "--host", "127.0.0.1", "--port", str(port), "--storage-path", str(storage)]
        # Without it a killed server loses the last acknowledged writes.
        command += ["--sync-on-commit", "--log-level", "WARNING", "--cache-size", "256M"]
        # By force where we are killed: asked politely, it now and then hangs for ever. Its journal loses nothing.
        child = Child("MongoDB", command, log=log, last=AT_ONCE)
        try:
            child.wait_until(partial(_mongo_answers, uri), seconds=START_SECONDS)
        except CannotStart as failure:
            child.stop()
            said = log.read_text(encoding="utf-8", errors="replace")
            if IN_USE in said or "busy" in child.last_words():
                if time.monotonic() > deadline:
                    raise CannotStart(_in_use(storage, pid_file)) from None
                _end_orphan(storage, pid_file, hard=time.monotonic() > deadline - RELEASE_SECONDS / 2)
                time.sleep(0.3)
                continue
            tries -= 1
            if tries and "address already in use" in said.lower():  # someone was faster than we
                continue
            raise failure from None
        pid_file.write_text(f"{child.pid} {os.getpid()}\n", encoding="utf-8")
        return child, uri


def ping(uri: str, *, seconds: float) -> None:
    """Ask the MongoDB at `uri` for a sign of life; raises PyMongoError without one in time."""
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=int(seconds * 1000))
    with client:
        client.admin.command("ping")


def _mongo_answers(uri: str) -> bool:
    try:
        ping(uri, seconds=0.2)
    except PyMongoError:
        return False
    return True


def _in_use(storage: Path, pid_file: Path) -> str:
    with suppress(OSError, ValueError):
        server, _owner = pid_file.read_text(encoding="utf-8").split()
        return f"{storage} is in use by another MongoDB (process {server}): stop the command that started it first."
    return f"{storage} is in use by another MongoDB: stop it first."


def _end_orphan(storage: Path, pid_file: Path, *, hard: bool) -> None:
    """Stop the server that a killed command left behind on `storage`; leave one alone whose command still runs."""
    try:
        server, owner = (int(word) for word in pid_file.read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return
    if os.name == "posix" and not _exists(owner) and str(storage) in _command_line(server):
        with suppress(ProcessLookupError):
            os.kill(server, 9 if hard else 15)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command_line(pid: int) -> str:
    with suppress(OSError):
        asked = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return ""


@contextmanager
def redis_server(directory: Path, password: str | None = None, *, durable: bool = False) -> Iterator[str]:
    """Run a Redis in `directory` and yield its address.

    Args:
        directory: for its files, made if missing.
        password: what clients must send; none without it.
        durable: keep an append-only file, as production does.

    Raises CannotStart with one line where it cannot run.
    """
    executable = program("redis-server", hint="install it (Debian: apt-get install redis-server).")
    directory = writable_directory(directory.absolute())
    port = free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": f'"{directory}"',
        "save": '""',
        "appendonly": "yes" if durable else "no",
        "maxmemory-policy": "noeviction",
        **({"requirepass": f'"{password}"'} if password else {}),
    }
    file = directory / "redis.conf"  # a file, since anyone may read the arguments of a process
    file.touch(mode=0o600)
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
    url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{port}/0"
    child = Child("Redis", [executable, str(file)], log=directory / "redis.log")
    try:
        child.wait_until(lambda: _redis_answers(url), seconds=START_SECONDS)
        yield url
    finally:
        child.stop()


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def new_password() -> str:
    """Return a password that is safe in an address and in a configuration file."""
    return secrets.token_urlsafe(24)
