"""The order of a roll-out's steps: on a site that is only talked about, and on a Docker that only pretends."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.ops import rollout
from backend.ops.rollout import Failed, deploy, roll
from backend.ops.rollout_compose import Compose
from tests.ops.processes import ROOT

WANTED = {"till": 2, "office": 1, "sweeper": 1}


class Talk:
    """A site that writes down what it is told; servers of the release `broken` never become ready."""

    def __init__(self, release: str = "1", *, fails: str = "") -> None:
        self.told: list[str] = []
        self.current = self.first = release
        self.found: set[str] = set()  # by the front door
        self.fails = fails
        self.count = 0
        self.fleet: dict[str, dict[str, str]] = {service: {} for service in WANTED}
        self.least: dict[str, int] = dict(WANTED)
        self.least_found: dict[str, int] = dict(WANTED)
        for service, wanted in WANTED.items():
            for _server in range(wanted):
                self.start(service, release)
        self.told.clear()

    def step(self, words: str) -> None:
        self.told.append(words)
        if words == self.fails:
            raise Failed(f"{words} failed.")

    def release(self) -> str:
        return self.current

    def back_up(self) -> None:
        self.step("backup")

    def migrate(self, release: str) -> None:
        self.step(f"migrate {release}")

    def publish_static(self, release: str) -> None:
        self.step(f"static {release}")

    def wanted(self, service: str) -> int:
        return WANTED[service]

    def servers(self, service: str) -> Mapping[str, str]:
        return dict(self.fleet[service])

    def start(self, service: str, release: str) -> None:
        self.step(f"start {service} {release}")
        self.count += 1
        self.fleet[service][f"{service}{self.count}"] = release

    def is_ready(self, service: str, server: str) -> bool:
        return self.fleet[service][server] != "broken"

    def until_found(self, service: str) -> None:
        self.found.update(self.fleet[service])

    def stop(self, service: str, server: str) -> None:
        self.told.append(f"stop {service} {self.fleet[service].pop(server)}")
        ready = [release for release in self.fleet[service].values() if release != "broken"]
        self.least[service] = min(self.least[service], len(ready))
        known = [name for name, release in self.fleet[service].items() if name in self.found or release == self.first]
        self.least_found[service] = min(self.least_found[service], len(known))

    def reload_front(self) -> None:
        self.step("front")

    def follow(self, release: str) -> None:
        self.step(f"follow {release}")

    def remember(self, release: str) -> None:
        self.step(f"remember {release}")
        self.current = release


def quietly(_step: str) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "ASK_AGAIN_SECONDS", 0.01)


def test_a_deploy_backs_up_and_migrates_before_any_server_and_each_new_one_stands_before_an_old_one_goes() -> None:
    site = Talk()

    deploy(site, "2", patience=0, say=quietly)

    assert site.told == [
        "backup",
        "migrate 2",
        "static 2",
        *["start till 2", "stop till 1"] * 2,
        *["start office 2", "stop office 1", "start sweeper 2", "stop sweeper 1"],
        *["front", "remember 2", "follow 2"],
    ]
    assert site.least == WANTED  # nowhere fewer than there should be
    assert site.least_found == WANTED  # nor fewer that the front door sends work to


@pytest.mark.parametrize(("fails", "told"), [("backup", 1), ("migrate 2", 2), ("static 2", 3)])
def test_where_a_step_before_the_servers_fails_none_is_touched(fails: str, told: int) -> None:
    site = Talk(fails=fails)

    with pytest.raises(Failed, match=fails):
        deploy(site, "2", patience=0, say=quietly)

    assert len(site.told) == told
    assert site.fleet == Talk().fleet


def test_a_rollback_touches_no_database() -> None:
    site = Talk("2")

    roll(site, "1", patience=0, say=quietly)

    assert not [step for step in site.told if step.startswith(("backup", "migrate", "static"))]
    assert site.current == "1"


def test_one_that_is_not_ready_is_stopped_and_nothing_else_is() -> None:
    site = Talk()

    with pytest.raises(Failed, match=r"was not ready after 0 s\. 1 serves\.$"):
        deploy(site, "broken", patience=0, say=quietly)

    assert site.told[3:] == ["start till broken", "stop till broken"]
    assert site.current == "1"


def test_where_a_later_service_fails_the_earlier_ones_go_back() -> None:
    site = Talk(fails="start office 2")

    with pytest.raises(Failed, match=r"1 serves\.$"):
        roll(site, "2", patience=0, say=quietly)

    assert [set(fleet.values()) for fleet in site.fleet.values()] == [{"1"}] * 3
    assert {service: len(fleet) for service, fleet in site.fleet.items()} == WANTED
    assert site.least == WANTED


def test_one_that_was_interrupted_with_a_server_too_many_is_finished_by_the_next() -> None:
    site = Talk()
    site.start("till", "2")

    roll(site, "2", patience=0, say=quietly)

    assert {service: list(fleet.values()) for service, fleet in site.fleet.items()} == {
        service: ["2"] * wanted for service, wanted in WANTED.items()
    }


def test_where_going_back_fails_too_it_says_that_both_may_serve() -> None:
    site = Talk(fails="start office 2")
    site.start("till", "2")
    site.current = "broken"  # what is to be gone back to cannot be started any more

    with pytest.raises(Failed, match="Both releases may serve now"):
        roll(site, "2", patience=0, say=quietly)


# --- docker/deploy.sh and docker/rollback.sh --------------------------------------------------------------------------
DOCKER = '#!/bin/sh\nexec "{python}" -I -S "{program}" "$@"\n'


class Host:
    """A checkout with a Docker that pretends, on which cinema-app:1 serves."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("deploy.sh", "rollback.sh", "second-server.sh", "host.sh"):
            copy(f"docker/{name}", directory)
        for name in ("__init__.py", "ops/__init__.py", "ops/rollout.py", "ops/rollout_compose.py"):
            copy(f"backend/{name}", directory)
        (directory / ".env").write_text("PUBLIC_ORIGIN=https://tickets.example.com\nAPP_IMAGE=cinema-app:1\n", "utf-8")
        self.file = directory / "docker.json"
        program = directory / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(
            DOCKER.format(python=sys.executable, program=ROOT / "tests" / "ops" / "pretending_docker.py"), "utf-8"
        )
        program.chmod(0o755)
        services = ["till", "till", "office", "sweeper"]
        containers = {
            f"c{number:011}": {"service": service, "image": "cinema-app:1"} for number, service in enumerate(services)
        }
        images = ["cinema-app:1", "cinema-app:2", "cinema-app:3"]
        self.keep(containers=containers, images=images, made=len(services))

    def keep(self, **changes: Any) -> None:
        empty = {"calls": [], "sick": [], "failing": [], "more": ["backup"]}
        state = json.loads(self.file.read_text("utf-8")) if self.file.exists() else empty
        self.file.write_text(json.dumps({**state, **changes}), "utf-8")

    def state(self, name: str) -> Any:
        return json.loads(self.file.read_text("utf-8"))[name]

    def run(self, script: str, *arguments: str, **exported: str) -> subprocess.CompletedProcess[str]:
        self.keep(calls=[])
        path = f"{self.directory / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {"PATH": path, "DOCKER_STATE": str(self.file), **exported}
        at_once = [] if script == "second-server.sh" else ["--found-after", "0"]
        command = ["sh", str(self.directory / "docker" / script), *arguments, *at_once]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def named(self) -> str:
        lines = (self.directory / ".env").read_text("utf-8").splitlines()
        (image,) = (line.partition("=")[2] for line in lines if line.startswith("APP_IMAGE="))
        return image

    def interrupt(self, release: str) -> None:
        """Leave one till of `release` where one of another was, as a roll-out does that is killed."""
        containers = self.state("containers")
        next(each for each in containers.values() if each["service"] == "till")["image"] = release
        self.keep(containers=containers)

    def serving(self) -> list[tuple[str, str]]:
        return sorted((each["service"], each["image"]) for each in self.state("containers").values())


def copy(name: str, directory: Path) -> None:
    target = directory / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((ROOT / name).read_bytes())


def all_of(image: str) -> list[tuple[str, str]]:
    return [("office", image), ("sweeper", image), ("till", image), ("till", image)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_deploy_tells_docker_the_jobs_of_the_new_image_first_and_then_one_container_after_another(host: Host) -> None:
    done = host.run("deploy.sh", "cinema-app:2")

    assert (done.returncode, done.stderr) == (0, "")
    assert host.serving() == all_of("cinema-app:2")
    assert host.named() == "cinema-app:2"
    calls = [call.removeprefix("compose ") for call in host.state("calls")]
    jobs = [call for call in calls if call.startswith("run")]
    assert jobs == [
        "run --rm --no-deps backup python manage.py backup_database [cinema-app:1]",
        "run --rm --no-deps mongo-init [cinema-app:2]",
        "run --rm --no-deps migrate [cinema-app:2]",
        "run --rm --no-deps static [cinema-app:2]",
    ]
    rolling = [call.split()[0] for call in calls if call.startswith(("up", "stop", "rm"))]
    assert rolling == ["up", "stop", "rm"] * 4 + ["up"]
    assert "up --detach --no-deps --no-build --no-recreate --scale till=3 till [cinema-app:2]" in calls
    assert calls[-2].endswith("-s reload")
    assert calls[-1] == "up --detach --no-deps --no-build backup [cinema-app:2]"


def test_rollback_goes_to_the_release_before_and_touches_no_database(host: Host) -> None:
    host.run("deploy.sh", "cinema-app:2")

    assert host.run("rollback.sh").returncode == 0

    assert host.serving() == all_of("cinema-app:1")
    assert host.named() == "cinema-app:1"
    assert not [call for call in host.state("calls") if " run " in call]


def test_rollback_to_a_release_that_is_named(host: Host) -> None:
    host.run("deploy.sh", "cinema-app:2")
    host.run("deploy.sh", "cinema-app:3")

    assert host.run("rollback.sh", "--to", "cinema-app:1").returncode == 0
    assert host.serving() == all_of("cinema-app:1")


@pytest.fixture
def docker(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a host whose Docker this process itself finds."""
    monkeypatch.setenv("PATH", f"{host.directory / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_STATE", str(host.file))
    monkeypatch.setenv("COMPOSE_FILE", "docker-compose.prod.yml")
    return host


def serve(host: Host, release: str, *, back: bool = False) -> None:
    """Leave all as a roll-out does that has brought `release` into service."""
    site = Compose(host.directory, with_backup=False, going_back=back)
    host.keep(containers={name: {**its, "image": release} for name, its in host.state("containers").items()})
    site.remember(release)


def way_back(host: Host) -> str:
    return Compose(host.directory, with_backup=False).earlier()


def test_a_release_that_a_rollback_has_left_is_no_way_back(docker: Host) -> None:
    serve(docker, "cinema-app:2")
    serve(docker, way_back(docker), back=True)
    with pytest.raises(Failed, match=r"^No earlier release is remembered: name one, --to IMAGE\.$"):
        way_back(docker)

    serve(docker, "cinema-app:2")  # mended
    serve(docker, "cinema-app:3")
    assert way_back(docker) == "cinema-app:2"
    serve(docker, "cinema-app:2", back=True)
    assert way_back(docker) == "cinema-app:1"


def test_a_rollback_to_one_that_nobody_remembers_has_none_before_it(docker: Host) -> None:
    serve(docker, "cinema-app:2")
    serve(docker, "cinema-app:0", back=True)

    with pytest.raises(Failed, match="No earlier release"):
        way_back(docker)


def test_after_an_interrupted_deploy_the_release_that_served_comes_back_and_not_the_one_before_it(docker: Host) -> None:
    serve(docker, "cinema-app:2")
    docker.interrupt("cinema-app:3")

    assert docker.run("rollback.sh").returncode == 0

    assert docker.serving() == all_of("cinema-app:2")
    assert docker.named() == "cinema-app:2"


def test_an_interrupted_rollback_goes_on(docker: Host) -> None:
    serve(docker, "cinema-app:2")
    docker.interrupt("cinema-app:1")

    assert way_back(docker) == "cinema-app:1"


def test_an_exported_name_of_the_new_image_is_not_taken_for_the_release_of_now(host: Host) -> None:
    host.keep(sick=["cinema-app:2"])

    done = host.run("deploy.sh", "cinema-app:2", "--patience", "0", APP_IMAGE="cinema-app:2")

    assert done.stderr.endswith("cinema-app:1 serves.\n")
    assert [call for call in host.state("calls") if call.endswith("backup_database [cinema-app:1]")]
    assert host.serving() == all_of("cinema-app:1")


def test_where_nothing_is_named_the_release_of_now_is_what_all_servers_run(docker: Host) -> None:
    serve(docker, "cinema-app:2")
    (docker.directory / ".env").write_text("PUBLIC_ORIGIN=https://tickets.example.com\n", "utf-8")

    assert Compose(docker.directory, with_backup=False).release() == "cinema-app:2"


def test_settings_are_replaced_as_a_whole_with_their_mode(docker: Host) -> None:
    file = docker.directory / ".env"
    file.chmod(0o640)
    before = file.stat()

    serve(docker, "cinema-app:2")

    assert file.read_text("utf-8") == "PUBLIC_ORIGIN=https://tickets.example.com\nAPP_IMAGE=cinema-app:2\n"
    assert file.stat().st_ino != before.st_ino  # never half written
    assert file.stat().st_mode == before.st_mode
    assert not (docker.directory / ".env.new").exists()


def test_compose_is_told_the_files_that_the_host_has_or_its_own(host: Host) -> None:
    host.run("second-server.sh", "cinema-app:2")
    assert host.state("files") == "docker-compose.prod.yml"

    both = "docker-compose.prod.yml:docker/compose.second-server.yml"
    file = host.directory / ".env"
    file.write_text(f"{file.read_text('utf-8')}COMPOSE_FILE={both}\n", "utf-8")
    assert host.run("second-server.sh", "cinema-app:1").returncode == 0
    assert host.state("files") == both


def test_the_till_of_a_second_machine_is_replaced_and_the_release_kept_for_its_next_start(host: Host) -> None:
    done = host.run("second-server.sh", "cinema-app:2")

    assert (done.returncode, done.stderr) == (0, "")
    assert host.state("calls")[-1] == "compose up --detach --wait --no-deps --no-build till [cinema-app:2]"
    assert {image for service, image in host.serving() if service == "till"} == {"cinema-app:2"}
    assert host.named() == "cinema-app:2"


def test_one_that_is_not_healthy_on_a_second_machine_gives_way_to_the_release_of_before(host: Host) -> None:
    host.keep(sick=["cinema-app:2"])

    assert host.run("second-server.sh", "cinema-app:2").stderr.endswith("is unhealthy cinema-app:1 serves.\n")

    assert host.serving() == all_of("cinema-app:1")
    assert host.named() == "cinema-app:1"


def test_two_roll_outs_on_one_host_are_one(host: Host) -> None:
    directory = os.open(host.directory / "docker", os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    for script, arguments in (("deploy.sh", ["cinema-app:2"]), ("rollback.sh", []), ("second-server.sh", ["a"])):
        done = host.run(script, *arguments)
        assert done.returncode == 1
        assert done.stderr.endswith("is at work on this host: wait for its end.\n")
        assert done.stderr.count("\n") == 1
    os.close(directory)

    assert host.state("calls") == []
    assert host.run("deploy.sh", "cinema-app:2").returncode == 0


def test_a_container_that_does_not_become_healthy_is_removed_and_the_old_ones_stay(host: Host) -> None:
    host.keep(sick=["cinema-app:2"])

    done = host.run("deploy.sh", "cinema-app:2", "--patience", "1")

    assert done.returncode == 1
    assert done.stderr.endswith("was not ready after 1 s. cinema-app:1 serves.\n")
    assert host.serving() == all_of("cinema-app:1")
    assert host.named() == "cinema-app:1"


@pytest.mark.parametrize("failing", ["backup", "mongo-init", "migrate", "static"])
def test_a_job_that_fails_stops_the_deploy_in_one_line_and_no_container_is_touched(host: Host, failing: str) -> None:
    host.keep(failing=[failing])

    done = host.run("deploy.sh", "cinema-app:2")

    assert done.returncode == 1
    assert done.stderr.endswith("failed: no space left\n")
    assert not [call for call in host.state("calls") if " up " in call or call.startswith("stop")]


def test_without_a_service_for_backups_a_deploy_is_refused_unless_told(host: Host) -> None:
    host.keep(more=[])

    assert "--without-backup" in host.run("deploy.sh", "cinema-app:2").stderr
    assert host.run("deploy.sh", "cinema-app:2", "--without-backup").returncode == 0


def test_an_image_that_is_not_there_and_a_rollback_to_nowhere_are_one_line(host: Host) -> None:
    assert host.run("deploy.sh", "cinema-app:9").stderr.endswith("failed: No such image: cinema-app:9\n")
    assert host.run("rollback.sh").stderr == "No earlier release is remembered: name one, --to IMAGE.\n"
