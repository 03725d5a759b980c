"""The start scripts of the exporters: what they hand over, and that no password stands on a command line."""

import json
import subprocess
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

ROOT = Path(__file__).resolve().parents[2]
# Stands for the exporter: it writes down its command line and its environment.
PROGRAM = '#!/bin/sh\n{ echo "$*"; env; } > "$0.said"\n'


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Return a directory of secrets as docker/secrets.sh makes them."""
    directory = tmp_path / "secrets"
    subprocess.run(["sh", str(ROOT / "docker" / "secrets.sh"), str(directory)], check=True, capture_output=True)
    return directory


def started(name: str, program: str, secrets: Path) -> str:
    """Run the script with its places under a temporary directory; return what the exporter was told."""
    directory = secrets.parent
    exporter = directory / program
    exporter.write_text(PROGRAM, encoding="ascii")
    exporter.chmod(0o755)
    text = (ROOT / "docker" / "exporters" / name).read_text(encoding="ascii")
    places = {
        "/tmp/passwords.json": str(directory / "passwords.json"),
        "/run/secrets": str(secrets),
        f"exec /{program}": f"exec {exporter}",
    }
    for place, here in places.items():
        text = text.replace(place, here)
    subprocess.run(["/bin/sh", "-c", text], check=True, timeout=10)
    return exporter.with_name(f"{program}.said").read_text(encoding="utf-8")


def test_the_exporter_of_mongodb_knows_every_member_by_the_watching_user(secrets: Path) -> None:
    command, *environment = started("mongodb.sh", "mongodb_exporter", secrets).splitlines()

    user, password = (secrets / "mongo_monitor").read_text(encoding="ascii").split(":")
    (addresses,) = [line.partition("=")[2] for line in environment if line.startswith("MONGODB_URI=")]
    members = [parse_uri(address) for address in addresses.split(",")]
    assert [member["nodelist"] for member in members] == [[(f"mongo{number}", 27017)] for number in (1, 2, 3)]
    assert {(member["username"], member["password"]) for member in members} == {(user, password)}
    assert password not in command
    assert "--mongodb.direct-connect" in command.split()


def test_the_exporter_of_redis_has_a_password_for_each(secrets: Path) -> None:
    command, *environment = started("redis.sh", "redis_exporter", secrets).splitlines()

    passwords = json.loads((secrets.parent / "passwords.json").read_text(encoding="ascii"))
    assert passwords == {
        f"redis://redis-{which}:6379": (secrets / f"redis_{which}_password").read_text(encoding="ascii")
        for which in ("state", "cache")
    }
    assert (secrets.parent / "passwords.json").stat().st_mode & 0o077 == 0
    for password in passwords.values():
        assert password not in command
        assert password not in "\n".join(environment)
