"""docker/change-secret.sh against a Docker that only writes down what it is told: the order keeps all served."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ops.processes import eventually

ROOT = Path(__file__).resolve().parents[2]
# Of what the script tells, the words that are names.
CHANGES = {
    *("secret_key", "jwt_secret_key", "nonce_secret_key", "tls", "grafana", "grafana_secret_key", "offsite"),
    *("mongo_app", "mongo_migrate", "mongo_backup", "mongo_monitor", "mongo_root", "mongo_keyfile"),
    *("redis_state", "redis_cache", "alert_webhook_url", "heartbeat_webhook_url"),
}
IN_COMPOSE = set(yaml.safe_load((ROOT / "docker-compose.prod.yml").read_text(encoding="utf-8"))["secrets"])
# Notes each call with its input, and with the secrets as they are at that moment.
DOCKER = """#!/bin/sh
if [ "$1" != compose ] || [ "${COMPOSE_FILE:-}" != "$WANTED_FILES" ]; then echo "other files" >&2; exit 9; fi
shift
{ printf '%s' "$*"; case $* in *' -T '*) printf ' <<< '; cat | tr '\\n' ' ' ;; esac; echo; } >> "$CALLS"
for file in "$SECRETS_DIR"/*; do printf '  %s=%s\\n' "${file##*/}" "$(tr '\\n' '|' < "$file")"; done >> "$CALLS"
if [ "${FAIL_AT:-}" ] && [ "$(grep -c '^[^ ]' "$CALLS")" = "$FAIL_AT" ]; then exit 1; fi
case $* in
  *redis-cli*) echo OK ;;
  'top backup') if [ "$(grep -c '^top' "$CALLS")" -le "${BACKUPS:-0}" ]; then echo 'manage.py backup_database'; fi ;;
esac
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
            "ASK_AGAIN_SECONDS": "0",
            "WANTED_FILES": "docker-compose.prod.yml",
        }
        self.directory = directory
        (directory / "docker").mkdir()
        for name in ("change-secret.sh", "host.sh"):
            shutil.copy(ROOT / "docker" / name, directory / "docker")
        subprocess.run(["sh", str(ROOT / "docker" / "secrets.sh"), str(self.secrets)], check=True, capture_output=True)
        for name in ("tls_certificate", "tls_key"):
            (self.secrets / name).write_text(f"old {name}", encoding="ascii")

    def value(self, name: str) -> str:
        return (self.secrets / name).read_text(encoding="ascii")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = ["sh", str(self.directory / "docker" / "change-secret.sh"), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            env={**self.environment, **environment},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    def change(
        self, *arguments: str, fail_at: int | None = None, told: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("", encoding="ascii")
        more = {"FAIL_AT": str(fail_at)} if fail_at else {}
        with self.start(*arguments, **more, **environment) as running:
            output, errors = running.communicate(told, timeout=30)
        return subprocess.CompletedProcess(arguments, running.returncode, output, errors)

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


def test_the_user_of_a_job_needs_no_reload(stack: Stack) -> None:
    assert stack.change("mongo_migrate").returncode == 0
    assert [line.split()[0] for line, _ in stack.told()] == ["run", "run"]
    assert stack.value("mongo_migrate").startswith("migrate-2:")


def test_the_former_user_of_backups_stays_until_the_one_under_way_is_done(stack: Stack) -> None:
    assert stack.change("mongo_backup", BACKUPS="2").returncode == 0
    assert [line for line, _ in stack.told()][1:-1] == ["top backup"] * 3
    assert stack.told()[-1][0].endswith("--retire")


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


def test_a_change_of_the_root_password_that_was_cut_off_goes_on_with_the_same_one(stack: Stack) -> None:
    old = stack.value("mongo_root_password")
    assert stack.change("mongo_root", fail_at=1).returncode != 0  # whether MongoDB has it is not known
    begun = stack.value("mongo_root_password.new")
    assert stack.value("mongo_root_password") == old

    assert stack.change("mongo_root").returncode == 0

    ((line, secrets),) = stack.told()
    assert line.endswith(f"--change-root <<< {begun} ")
    assert secrets["mongo_root_password"] == old  # by which the job signs in where the new one does not count yet
    assert stack.value("mongo_root_password") == begun


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


def test_a_second_change_is_refused_while_the_first_one_waits_and_not_after_its_death(stack: Stack) -> None:
    waits = stack.directory / "waits"
    first = stack.start("jwt_secret_key", RELOAD_ALSO=f"touch {waits}; exec sleep 30")
    try:
        assert eventually(waits.exists)
        before = {file.name: file.read_bytes() for file in stack.secrets.iterdir()}

        second = stack.change("jwt_secret_key")

        assert second.returncode == 1
        assert second.stderr.endswith("is at work on this host: wait for its end.\n")
        assert second.stderr.count("\n") == 1
        assert stack.told() == []
        assert {file.name: file.read_bytes() for file in stack.secrets.iterdir()} == before
        first.kill()
        first.wait(timeout=10)
        assert stack.change("jwt_secret_key").returncode == 0  # its sleep, which lives on, keeps nobody out
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate(timeout=10)


def test_the_files_of_the_host_are_those_of_its_settings(stack: Stack) -> None:
    both = "docker-compose.prod.yml:docker/compose.data-host.yml"
    (stack.directory / ".env").write_text(f"COMPOSE_FILE={both}\n", encoding="ascii")

    assert stack.change("mongo_keyfile", WANTED_FILES="").returncode == 0  # compose reads the file itself
    assert stack.change("mongo_keyfile", COMPOSE_FILE=both, WANTED_FILES=both).returncode == 0


TOLD = {
    "offsite": "key\nof 20 letters\n",
    "alert_webhook_url": "https://alerts.example.com/a\n",
    "heartbeat_webhook_url": "https://alerts.example.com/b\n",
}


def test_every_secret_of_the_stack_can_be_changed_by_a_name_that_the_script_tells(stack: Stack, tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    pem.write_text("PEM", encoding="ascii")
    told = stack.change().stderr
    changed = set()
    for name in sorted(set(re.findall(r"[a-z_]+", told)) & CHANGES):
        before = {file.name: file.read_bytes() for file in stack.secrets.iterdir()}
        done = stack.change(name, str(pem), str(pem), told=TOLD.get(name, ""))
        assert done.returncode == 0, done.stderr
        changed |= {file.name for file in stack.secrets.iterdir() if file.read_bytes() != before[file.name]}
    assert changed == IN_COMPOSE


@pytest.mark.parametrize(
    ("name", "told", "after"),
    [
        ("offsite", "key\nof 20 letters\n", "restart offsite"),
        ("alert_webhook_url", "https://alerts.example.com/a\n", "kill -s HUP alertmanager"),
        ("grafana_secret_key", "", "restart grafana"),
    ],
)
def test_who_reads_a_secret_at_its_start_starts_anew(stack: Stack, name: str, told: str, after: str) -> None:
    assert stack.change(name, told=told).returncode == 0
    assert [line for line, _ in stack.told()] == [after]


@pytest.mark.parametrize(
    ("name", "told"), [("offsite", "key\n\n"), ("alert_webhook_url", "\n"), ("alert_webhook_url", "x\n")]
)
def test_what_is_no_key_and_no_address_changes_nothing(stack: Stack, name: str, told: str) -> None:
    before = {file.name: file.read_bytes() for file in stack.secrets.iterdir()}

    assert stack.change(name, told=told).returncode == 1

    assert stack.told() == []
    assert {file.name: file.read_bytes() for file in stack.secrets.iterdir()} == before


def test_who_names_nothing_is_told_what_there_is(stack: Stack) -> None:
    done = stack.change("everything")
    assert done.returncode == 1
    assert "mongo_keyfile" in done.stderr
    assert stack.told() == []
