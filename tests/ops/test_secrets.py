"""docker/secrets.sh: strong secrets in files of one reader each, made once."""

import os
import re
import stat
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from pymongo.uri_parser import parse_uri

from backend.settings import environment

ROOT = Path(__file__).resolve().parents[2]
STACK = yaml.safe_load((ROOT / "docker-compose.prod.yml").read_text(encoding="utf-8"))
STILL_TO_COME = {"tls_certificate", "tls_key"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory of new secrets."""
    make(tmp_path / "secrets")
    return tmp_path / "secrets"


def make(directory: Path) -> str:
    script = ["sh", str(ROOT / "docker" / "secrets.sh"), str(directory)]
    return subprocess.run(script, capture_output=True, text=True, check=True).stderr


def contents(directory: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in directory.iterdir()}


def test_every_secret_of_the_stack_is_made(directory: Path) -> None:
    assert set(STACK["secrets"]) - STILL_TO_COME <= set(contents(directory))


def test_each_is_readable_by_one_user_alone(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


def test_each_belongs_to_the_user_of_the_container_that_reads_it(directory: Path) -> None:
    for name, service in STACK["services"].items():
        reader = int(service.get("user", "10001:10001").partition(":")[0])
        if os.geteuid() != 0:  # only root gives files away, and the script says so
            reader = os.geteuid()
        for secret in set(service.get("secrets", [])) - STILL_TO_COME:
            assert (directory / secret).stat().st_uid == reader, f"{name} cannot read {secret}"


def test_they_are_strong_and_no_two_are_alike(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "JWT_SECRET_KEY", "NONCE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(directory / name.lower()))
        assert len(environment.strong_secret(name)) == 64
        monkeypatch.setenv(f"{name}_PREVIOUS_FILE", str(directory / f"{name.lower()}_previous"))
        assert environment.secret(f"{name}_PREVIOUS") == ""
    passwords = [word for text in contents(directory).values() for word in re.findall(r"[A-Za-z0-9]{64,}", text)]
    # In the file of its server and in the address of the application, and nowhere else.
    assert max(Counter(passwords).values()) == 2


@pytest.mark.parametrize("user", ["app", "migrate", "backup"])
def test_the_addresses_name_the_whole_set_and_the_user_that_the_job_makes(directory: Path, user: str) -> None:
    made = contents(directory)
    uri = parse_uri(made[f"mongo_{user}_uri"])
    assert (uri["username"], uri["password"]) == tuple(made[f"mongo_{user}"].split(":"))
    assert uri["nodelist"] == [("mongo1", 27017), ("mongo2", 27017), ("mongo3", 27017)]
    options = {name.lower(): value for name, value in uri["options"].items()}
    assert (options["replicaset"], options["authsource"], options["w"]) == ("rs0", "admin", "majority")
    assert (options["journal"], options["retrywrites"]) == (True, True)


def test_a_second_run_changes_nothing_and_makes_what_is_missing(directory: Path) -> None:
    before = contents(directory)
    (directory / "redis_cache_url").unlink()
    (directory / "mongo_keyfile").unlink()

    make(directory)

    after = contents(directory)
    assert after["redis_cache_url"] == before["redis_cache_url"]
    assert after["mongo_keyfile"] != before["mongo_keyfile"]
    assert {name for name in before if before[name] != after[name]} == {"mongo_keyfile"}


def test_an_empty_secret_is_refused_by_name_and_half_of_one_is_made_anew(directory: Path) -> None:
    (directory / "redis_cache_password").write_text("", encoding="ascii")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        make(directory)
    assert "redis_cache_password is empty" in refused.value.stderr

    (directory / "redis_cache_password").unlink()
    (directory / "redis_cache_password.new").write_text("ha", encoding="ascii")  # a run that was killed
    make(directory)
    assert len((directory / "redis_cache_password").read_text(encoding="ascii")) == 64
    assert not list(directory.glob("*.new"))


def test_it_says_what_only_a_person_can_bring(directory: Path) -> None:
    assert "tls_certificate" in make(directory)
    for name in STILL_TO_COME:
        (directory / name).write_text("PEM", encoding="ascii")
    assert "tls_certificate" not in make(directory)
    assert stat.S_IMODE((directory / "tls_key").stat().st_mode) == 0o600

    assert "alert_webhook_url" in make(directory)
    assert "heartbeat_webhook_url" in make(directory)
    for name in ("alert_webhook_url", "heartbeat_webhook_url"):
        (directory / name).write_text("https://chat.example.com/hook", encoding="ascii")
    assert make(directory).count("Still to come") == 0
