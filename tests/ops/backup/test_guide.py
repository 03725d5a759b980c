"""docs/guides/backup.md, followed word for word: its key's policy, its drill, and what the server is told of it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from backend.core import backup_state, clock
from backend.ops.backup import reports
from tests.ops.backup import s3

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs" / "guides" / f"backup{language}.md" for language in (".en", "")]


def blocks(page: Path) -> list[str]:
    """Return what stands between fences, in order."""
    return re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def block_with(text: str) -> str:
    (found,) = [block for block in blocks(PAGES[0]) if text in block]
    return found


def test_both_languages_give_the_same_commands() -> None:
    def commands(page: Path) -> list[str]:
        return [re.sub(r"^#.*\n", "", block, flags=re.MULTILINE) for block in blocks(page)]

    assert commands(PAGES[0]) == commands(PAGES[1])


def test_the_policy_of_the_key_is_the_one_that_is_tested() -> None:
    policy = block_with("s3:PutObject").replace("BUCKET", s3.BUCKET).replace("PREFIX", s3.PREFIX)

    assert json.loads(policy) == s3.PUT_ONLY


@pytest.fixture
def shell(tmp_path: Path, commands_environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a shell that knows `manage.py`, and a `docker` that runs what the service would."""
    programs = tmp_path / "bin"
    programs.mkdir()
    manage = f'exec {sys.executable} {ROOT}/manage.py "$@"\n'
    (programs / "manage.py").write_text(f"#!/bin/sh\n{manage}")
    (programs / "docker").write_text(
        "#!/bin/sh\n"
        '[ "$*" = "compose exec -T backup python manage.py record_drill" ] || exit 9\n'
        f"BACKUP_DIR={tmp_path}/server {sys.executable} {ROOT}/manage.py record_drill\n"
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    return {
        **commands_environment,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "MONGO_DB": str(connection.settings_dict["NAME"]),
    }


@pytest.mark.usefixtures("sold")
def test_the_drill_and_telling_the_server(tmp_path: Path, shell: dict[str, str]) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    with override_settings(BACKUP_AGE_RECIPIENT=str(identity.to_public())):
        call_command("backup_database", output=tmp_path / "backups")

    script = f"set -e\n{block_with('manage.py restore_drill')}{block_with('record_drill')}"
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=shell, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert "restored, compared and dropped again" in done.stdout
    assert "Noted: the drill of backup_" in done.stdout
    told = reports.last(tmp_path / "server", reports.Drilled)
    assert told == reports.last(tmp_path / "backups", reports.Drilled)
    assert told is not None
    assert told.wrong == []
    assert backup_state.last_backup(clock.now())["drill"]["passed"] is True
