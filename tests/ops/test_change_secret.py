"""docker/change-secret.sh against a Docker that only writes down what it is told: the order keeps all served."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Notes each call with its input, and with the secrets as they are at that moment.
DOCKER = """#!/bin/sh
shift 3
{ printf '%s' "$*"; case $* in *' -T '*) printf ' <<< '; cat | tr '\\n' ' ' ;; esac; echo; } >> "$CALLS"
for file in "$SECRETS_DIR"/*; do printf '  %s=%s\\n' "${file##*/}" "$(tr '\\n' '|' < "$file")"; done >> "$CALLS"
if [ "${FAIL_AT:-}" ] && [ "$(grep -c '^[^ ]' "$CALLS")" = "$FAIL_AT" ]; then exit 1; fi
case $* in *redis-cli*) echo OK ;; esac
"""
NEW = re.compile(r"[A-Za-z0-9]{64}")


class Stack:
    """A stack that is only talked about: its secrets, and what Docker was told when they were what."""

    def __init__(self, directory: Path) -> None:
        self.secrets = directory / "secrets"
        self.calls = directory / "calls"
        program = directory / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(DOCKER, encoding="ascii")
        program.chmod(0o755)
        self.environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "SECRETS_DIR": str(self.secrets),
            "GRACE_SECONDS": "0",
        }
        subprocess.run(["sh", str(ROOT / "docker" / "secrets.sh"), str(self.secrets)], check=True, capture_output=True)
        for name in ("tls_certificate", "tls_key"):
            (self.secrets / name).write_text(f"old {name}", encoding="ascii")

    def value(self, name: str) -> str:
        return (self.secrets / name).read_text(encoding="ascii")

    def change(self, *arguments: str, fail_at: int | None = None) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("", encoding="ascii")
        more = {"FAIL_AT": str(fail_at)} if fail_at else {}
        command = ["sh", str(ROOT / "docker" / "change-secret.sh"), *arguments]
        return subprocess.run(
            command, env={**self.environment, **more}, capture_output=True, text=True, check=False, timeout=30
        )

    def told(self) -> list[tuple[str, dict[str, str]]]:
        """Return what Docker was told, each with the secrets of that moment."""
        found: list[tuple[str, dict[str, str]]] = []
        for line in self.calls.read_text(encoding="ascii").splitlines():
            if line.startswith("  "):
                name, _equals, value = line.strip().partition("=")
                found[-1][1][name] = value
            else:
                found.append((line, {}))
        return found


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


@pytest.mark.parametrize("name", ["secret_key", "jwt_secret_key", "nonce_secret_key"])
def test_a_key_is_read_by_all_before_it_is_signed_with_and_the_former_one_after(stack: Stack, name: str) -> None:
    old = stack.value(name)

    assert stack.change(name).returncode == 0

    told = stack.told()
    assert [line for line, _ in told] == ["kill -s HUP till office", "restart sweeper"] * 2
    new = stack.value(name)
    assert NEW.fullmatch(new)
    first, last = told[0][1], told[2][1]
    assert (first[name], first[f"{name}_previous"]) == (old, new)
    assert (last[name], last[f"{name}_previous"]) == (new, old)


def test_a_key_is_not_changed_twice_before_the_former_is_forgotten(stack: Stack) -> None:
    stack.change("jwt_secret_key")
    assert "forget jwt_secret_key" in stack.change("jwt_secret_key").stderr

    assert stack.change("forget", "jwt_secret_key").returncode == 0
    assert stack.value("jwt_secret_key_previous") == ""
    assert stack.change("jwt_secret_key").returncode == 0


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4])
def test_a_change_of_a_key_that_was_interrupted_loses_no_session(stack: Stack, fail_at: int) -> None:
    old = stack.value("jwt_secret_key")
    assert stack.change("jwt_secret_key", fail_at=fail_at).returncode != 0
    signed_with = {old, stack.value("jwt_secret_key")}

    assert stack.change("jwt_secret_key").returncode == 0

    assert signed_with <= {stack.value("jwt_secret_key"), stack.value("jwt_secret_key_previous")}
    assert not list(stack.secrets.glob("*.changing"))


def test_the_password_of_the_application_changes_by_a_second_user(stack: Stack) -> None:
    old = stack.value("mongo_app_uri")

    assert stack.change("mongo_app").returncode == 0

    (made, at_first), (reloaded, then), _sweeper, (retired, _last) = stack.told()
    assert made.endswith("mongo-init")
    assert at_first["mongo_app"].startswith("app-2:")
    assert at_first["mongo_app_uri"] == old  # which still works
    assert reloaded == "kill -s HUP till office"
    assert then["mongo_app_uri"].startswith(f"mongodb://{stack.value('mongo_app')}@mongo1:27017,")
    assert then["mongo_app_uri"].partition("@")[2] == old.partition("@")[2]
    assert retired.endswith("init.py --retire")

    stack.change("mongo_app")
    assert stack.value("mongo_app").startswith("app:")


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4])
def test_one_of_a_user_that_was_interrupted_goes_on(stack: Stack, fail_at: int) -> None:
    assert stack.change("mongo_app", fail_at=fail_at).returncode != 0
    begun = stack.value("mongo_app")

    assert stack.change("mongo_app").returncode == 0

    assert stack.value("mongo_app") == begun  # no third password: who has the first or the second is served
    assert stack.value("mongo_app_uri").startswith(f"mongodb://{begun}@")
    assert stack.told()[-1][0].endswith("--retire")


@pytest.mark.parametrize("name", ["mongo_migrate", "mongo_backup"])
def test_users_of_jobs_need_no_reload(stack: Stack, name: str) -> None:
    assert stack.change(name).returncode == 0
    assert [line.split()[0] for line, _ in stack.told()] == ["run", "run"]
    assert stack.value(name).startswith(f"{name.removeprefix('mongo_')}-2:")


def test_the_exporter_of_the_database_starts_anew_before_its_former_user_goes(stack: Stack) -> None:
    assert stack.change("mongo_monitor").returncode == 0

    told = stack.told()
    assert [line.split()[0] for line, _ in told] == ["run", "restart", "run"]
    assert told[1][0] == "restart mongodb-exporter"
    assert told[1][1]["mongo_monitor"] == stack.value("mongo_monitor")


def test_grafanas_password_travels_by_standard_input_and_is_kept_before_it_counts(stack: Stack) -> None:
    old = stack.value("grafana_admin_password")
    assert stack.change("grafana", fail_at=1).returncode != 0
    assert stack.value("grafana_admin_password") == old
    begun = stack.value("grafana_admin_password.new")

    assert stack.change("grafana").returncode == 0

    ((line, _secrets),) = stack.told()
    assert line.endswith(f"--password-from-stdin <<< {begun} ")
    assert begun not in line.partition("<<<")[0]
    assert stack.value("grafana_admin_password") == begun


def test_the_root_password_travels_by_standard_input_and_is_kept_before_it_counts(stack: Stack) -> None:
    assert stack.change("mongo_root").returncode == 0

    ((line, secrets),) = stack.told()
    assert line.endswith(f"--change-root <<< {stack.value('mongo_root_password')} ")
    assert secrets["mongo_root_password.new"] == stack.value("mongo_root_password")
    assert stack.value("mongo_root_password") not in line.partition("<<<")[0]


@pytest.mark.parametrize("which", ["state", "cache"])
def test_redis_takes_both_passwords_until_all_use_the_new_one(stack: Stack, which: str) -> None:
    old = stack.value(f"redis_{which}_password")

    assert stack.change(f"redis_{which}").returncode == 0

    new = stack.value(f"redis_{which}_password")
    (both, before), (_reload, then), _sweeper, (exporter, _now), (one, _last) = stack.told()
    assert both.endswith(f"<<< ACL SETUSER default >{new} ")
    assert before[f"redis_{which}_password"] == old  # by which it is asked
    assert then[f"redis_{which}_url"] == f"redis://:{new}@redis-{which}:6379/0"
    assert exporter == "restart redis-exporter"
    assert one.endswith(f"<<< ACL SETUSER default resetpass >{new} ")
    assert new not in both.partition("<<<")[0] + one.partition("<<<")[0]


@pytest.mark.parametrize("fail_at", [None, 1, 7])
def test_members_take_both_key_files_before_the_new_one_alone(stack: Stack, fail_at: int | None) -> None:
    old = stack.value("mongo_keyfile")
    if fail_at:
        assert stack.change("mongo_keyfile", fail_at=fail_at).returncode != 0
        return
    assert stack.change("mongo_keyfile").returncode == 0

    told = stack.told()
    new = stack.value("mongo_keyfile")
    restarts = [(line.split()[1], secrets["mongo_keyfile"]) for line, secrets in told if line.startswith("restart")]
    members = ["mongo3", "mongo2", "mongo1"]
    assert restarts == [(member, f"- {old}|- {new}") for member in members] + [(member, new) for member in members]
    assert len(told) == 12  # after each it waits for its health


def test_a_certificate_is_taken_over_without_a_restart(stack: Stack, tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text("new chain\n", encoding="ascii")
    key.write_text("new key\n", encoding="ascii")

    assert stack.change("tls", str(chain), str(key), fail_at=1).returncode != 0
    assert (stack.value("tls_certificate"), stack.value("tls_key")) == ("old tls_certificate", "old tls_key")

    assert stack.change("tls", str(chain), str(key)).returncode == 0
    assert (stack.value("tls_certificate"), stack.value("tls_key")) == ("new chain", "new key")
    assert stack.told()[-1][0].split(" <<<")[0].endswith("-s reload")


def test_a_second_server_learns_of_each_step(stack: Stack, tmp_path: Path) -> None:
    stack.environment["RELOAD_ALSO"] = f'cat "$SECRETS_DIR/jwt_secret_key" >> {tmp_path}/seen; echo >> {tmp_path}/seen'
    old = stack.value("jwt_secret_key")

    assert stack.change("jwt_secret_key").returncode == 0

    assert (tmp_path / "seen").read_text(encoding="ascii").split() == [old, stack.value("jwt_secret_key")]


def test_who_names_nothing_is_told_what_there_is(stack: Stack) -> None:
    done = stack.change("everything")
    assert done.returncode == 1
    assert "mongo_keyfile" in done.stderr
    assert stack.told() == []
