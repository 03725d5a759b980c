"""Log files: one writer each, turned over, free again when it dies; a disk that takes nothing stops nobody."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.core import log_files
from backend.core.log_files import DAYS_KEPT, OwnFile, who
from tests.backend.test_settings import GOOD

ROOT = Path(__file__).resolve().parents[3]
HOST = socket.gethostname()
LONG_AGO = time.time() - (DAYS_KEPT + 1) * 24 * 3600


@contextmanager
def opened(directory: Path, name: str = "app") -> Iterator[OwnFile]:
    handler = OwnFile(str(directory), name)
    try:
        yield handler
    finally:
        handler.close()


def write(handler: OwnFile, text: str) -> None:
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, text, (), None))


def names(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir() if file.suffix != ".lock"}


def test_each_writer_has_a_file_of_its_own_and_leaves_it_to_the_next(tmp_path: Path) -> None:
    with opened(tmp_path) as first, opened(tmp_path) as second, opened(tmp_path, "sweep") as other:
        for handler in (first, second, other):
            write(handler, "x")
        assert names(tmp_path) == {f"app-{HOST}-0.log", f"app-{HOST}-1.log", f"sweep-{HOST}-0.log"}
        first.close()
        with opened(tmp_path) as third:
            write(third, "y")
    assert (tmp_path / f"app-{HOST}-0.log").read_text("utf-8") == "x\ny\n"


def test_a_killed_process_leaves_its_file_to_the_next(tmp_path: Path) -> None:
    code = (
        "import sys; from backend.core.log_files import OwnFile; h = OwnFile(sys.argv[1], 'app'); print(h.baseFilename)"
    )
    code += "; sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        taken = process.stdout.readline().strip()
        with opened(tmp_path) as meanwhile:
            assert meanwhile.baseFilename != taken
        process.send_signal(signal.SIGKILL)
    with opened(tmp_path) as after:
        assert after.baseFilename == taken


def test_a_file_is_turned_over_and_ten_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "SIZE", 100)
    with opened(tmp_path) as handler:
        for number in range(30):
            write(handler, f"{number:02} {'x' * 80}")
    kept = sorted(tmp_path.glob("*.log*"), key=lambda file: file.stat().st_mtime_ns)
    assert len(kept) == 1 + log_files.KEPT
    assert all(len(file.read_text("utf-8").splitlines()) == 1 for file in kept)


def test_what_processes_left_long_ago_is_removed_and_what_lives_stays(tmp_path: Path) -> None:
    gone = [tmp_path / name for name in ("app-gone-0.lock", "app-gone-0.log", "app-gone-0.log.1")]
    recent = [tmp_path / name for name in ("app-recent-0.lock", "app-recent-0.log")]
    for file in (*gone, *recent, tmp_path / "mine.txt"):
        file.touch()
    with opened(tmp_path, "quiet") as living:
        write(living, "x")
        for file in tmp_path.iterdir():
            if "recent-0.log" not in file.name:
                os.utime(file, (LONG_AGO, LONG_AGO))
        with opened(tmp_path) as next_one:
            write(next_one, "x")
        expected = {f"quiet-{HOST}-0.log", f"app-{HOST}-0.log", "app-recent-0.log", "mine.txt"}
        assert names(tmp_path) == expected
    assert not gone[0].exists()
    assert recent[0].exists()


def test_a_full_disk_stops_nobody_and_is_told_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / f"app-{HOST}-0.log").symlink_to("/dev/full")
    with opened(tmp_path) as handler:
        for _ in range(3):
            write(handler, "x" * 10_000)
    said = capsys.readouterr().err
    assert said.count("No space left on device") == 1
    assert "stdout has" in said


def test_a_directory_that_is_none_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path / "nowhere") as handler:
        write(handler, "x")
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["manage.py", "sweep", "--once"], "sweep"),
        (["/app/manage.py", "migrate_database"], "migrate_database"),
        (["manage.py"], "app"),
        (["manage.py", "../../etc"], "app"),
        (["gunicorn", "backend.wsgi:application"], "app"),
    ],
)
def test_a_log_bears_the_name_of_its_command(arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    assert who() == name


def test_the_sweeper_writes_what_it_prints_into_its_file_too(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **GOOD,
        "MONGO_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50",
        "LOG_DIR": str(tmp_path),
    }
    environment.pop("WORKER_PLACE", None)
    log = tmp_path / f"sweep-{HOST}-0.log"
    with subprocess.Popen(
        [sys.executable, "manage.py", "sweep"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        printed = json.loads(process.stdout.readline())
        give_up = time.monotonic() + 30
        while not (log.exists() and log.read_text("utf-8").endswith("\n")) and time.monotonic() < give_up:
            time.sleep(0.02)
        process.kill()
    assert printed["message"] == "sweep: the database did not answer, trying again"
    assert json.loads(log.read_text("utf-8").splitlines()[0]) == printed
