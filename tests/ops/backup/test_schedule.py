"""The backup service of the compose file: again and again, and gone at once when it is told to stop."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.ops.processes import eventually

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Put a `python` into the path that notes each call, fails the first, and hangs from the fourth on."""
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nn=$(wc -l < {tmp_path}/calls)\n'
        '[ "$n" -ge 4 ] && exec sleep 60\n[ "$n" -gt 1 ]\n'
    )
    program.chmod(0o755)
    return tmp_path / "calls"


def test_a_failed_backup_is_tried_again_and_a_good_one_repeated_until_it_is_told_to_stop(python: Path) -> None:
    environment = {"PATH": f"{python.parent}/bin:{os.environ['PATH']}", "TMPDIR": str(python.parent)}
    pauses = {"BACKUP_EVERY_SECONDS": "0.1", "BACKUP_AGAIN_SECONDS": "0.1"}
    running = subprocess.Popen(["/bin/sh", ROOT / "docker" / "backup.sh"], env={**environment, **pauses})
    try:
        assert eventually(lambda: python.exists() and len(python.read_text().splitlines()) == 4)
        running.terminate()

        assert running.wait(5) == 0
        assert (python.parent / "backed-up").exists()
        assert set(python.read_text().splitlines()) == {"manage.py backup_database"}
    finally:
        running.kill()
        running.wait()
