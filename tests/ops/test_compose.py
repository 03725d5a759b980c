"""docker-compose.prod.yml and the image: every rule for every service, read from the files."""

import re
import runpy
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.apps import apps
from django_mongodb_backend.models import EmbeddedModel

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.prod.yml"
STACK: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
JOBS = {"mongo-init", "migrate", "static"}
MEMBERS = {"mongo1", "mongo2", "mongo3"}
OF_OUR_IMAGE = {"mongo-init", "migrate", "static", "till", "office", "sweeper", "backup", "offsite"}
LOGGING_TO_FILES = {"till", "office", "sweeper", "backup", "migrate"}
WITH_A_SHELL_ADDED = {"mongodb-exporter": "mongodb", "nginx-exporter": "nginx"}  # stages of docker/exporters/Dockerfile
BUILT_HERE = OF_OUR_IMAGE | set(WITH_A_SHELL_ADDED)
EXPORTERS = {"redis-exporter", "node-exporter", "blackbox-exporter", *WITH_A_SHELL_ADDED}
WATCHING = {"prometheus", "alertmanager", "grafana"} | EXPORTERS
WITH_A_WAY_OUT = {"nginx": "edge", "alertmanager": "egress", "offsite": "egress"}
# Where the image has no `wget`, `curl` or Python of its own, what it is asked with is added by us.
ASKED_WITH = {
    "mongo": "mongosh",
    "redis": "redis-cli",
    "nginx": "curl",
    "grafana/grafana": "curl",
    "prom/prometheus": "wget",
    "prom/alertmanager": "wget",
    "prom/node-exporter": "wget",
    "prom/blackbox-exporter": "wget",
    "oliver006/redis_exporter": "wget",
    "cinema-mongodb-exporter": "/bin/wget",
    "cinema-nginx-exporter": "/bin/wget",
    "cinema-app": "python",
}
HOST_MOUNTS = {"node-exporter": "/:/host:ro,rslave"}  # how full the disks of the host are, nobody else can say
NO_SECRETS = {"GF_SERVER_ROOT_URL"}  # an address without a password
USERS = {"app": "10001", "mongo": "999", "redis": "999", "nginx": "101"}  # of the images
PLACE = re.compile(r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}")

every_service = pytest.mark.parametrize("name", sorted(SERVICES))
every_lasting_service = pytest.mark.parametrize("name", sorted(set(SERVICES) - JOBS))


def image_of(service: dict[str, Any]) -> str:
    """Return the image with the defaults of its places."""
    return PLACE.sub(lambda place: place[3] or "", service["image"])


def words(command: str | Sequence[str]) -> list[str]:
    return command.split() if isinstance(command, str) else list(command)


# --- Every service ----------------------------------------------------------------------------------------------------
def test_the_stack_has_its_parts() -> None:
    serving = {*MEMBERS, "redis-state", "redis-cache", "till", "office", "sweeper", "backup", "offsite", "nginx"}
    assert set(SERVICES) == serving | JOBS | WATCHING


@every_service
def test_its_image_is_pinned(name: str) -> None:
    _repository, colon, tag = image_of(SERVICES[name]).partition(":")
    assert colon
    assert "latest" not in tag
    if name in BUILT_HERE:
        assert SERVICES[name]["pull_policy"] == "never"  # nobody else's of that name
        return
    assert re.match(r"v?\d+\.\d+\.\d+(-[a-z]+)?(@sha256:[0-9a-f]{64})?$", tag), tag


@every_service
def test_its_root_is_read_only_and_it_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "devices", "pid", "ipc", "userns_mode", "container_name"} & set(service)


@every_service
def test_it_is_not_root(name: str) -> None:
    assert SERVICES[name].get("user", "") not in {"root", "0", "0:0"}
    assert SERVICES[name].get("user") or name in OF_OUR_IMAGE  # whose Dockerfile says who


@every_service
def test_its_memory_and_its_processes_are_limited(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert 0 < SERVICES[name]["pids_limit"] <= 500
    for mount in SERVICES[name].get("tmpfs", []):
        assert re.search(r":size=\d+m\b", mount), mount
    held = sum(int(re.search(r":size=(\d+)m\b", mount)[1]) for mount in SERVICES[name].get("tmpfs", []))
    assert held <= megabytes(SERVICES[name]["mem_limit"]) / 2  # what lies there counts against the limit


def megabytes(size: str) -> int:
    return int(size[:-1]) * {"m": 1, "g": 1024}[size[-1]]


def test_nginx_may_open_as_many_files_as_its_configuration_counts_on() -> None:
    told = (ROOT / "nginx" / "conf" / "nginx.conf.template").read_text(encoding="utf-8")
    names = ("worker_rlimit_nofile", "worker_processes", "worker_connections")
    files, workers, slots = (int(re.search(rf"{name} (\d+);", told)[1]) for name in names)
    assert SERVICES["nginx"]["ulimits"] == {"nofile": {"soft": files, "hard": files}}
    assert files >= 4 * slots
    kilobytes_each = 46  # measured: 3,000 connections that had sent the first byte of a handshake
    assert workers * slots * kilobytes_each / 1024 < 0.75 * megabytes(SERVICES["nginx"]["mem_limit"])


@every_service
def test_its_logs_rotate(name: str) -> None:
    logging = SERVICES[name]["logging"]
    assert logging["driver"] == "json-file"
    assert set(logging["options"]) == {"max-size", "max-file"}


@every_service
def test_its_log_stands_in_files_too_where_its_settings_are_those_of_production(name: str) -> None:
    service = SERVICES[name]
    environment = service.get("environment", {})
    assert (environment.get("DJANGO_SETTINGS_MODULE") == "backend.settings.prod") == (name in LOGGING_TO_FILES)
    mounted = [volume.split(":", 1)[1] for volume in service.get("volumes", []) if volume.startswith("logs:")]
    assert mounted == ([environment["LOG_DIR"]] if name in LOGGING_TO_FILES else [])
    (made,) = [line for stage in stages() for line in stage if "install -d -o app" in line]
    assert not mounted or mounted[0] in made.split()  # as the image's user owns it, so does the new volume


@every_service
def test_it_starts_again_unless_it_is_a_job(name: str) -> None:
    assert SERVICES[name]["restart"] == ("no" if name in JOBS else "unless-stopped")


@every_lasting_service
def test_it_has_a_healthcheck_with_all_its_times(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@every_lasting_service
def test_its_healthcheck_asks_with_what_its_image_has(name: str) -> None:
    program = ASKED_WITH[image_of(SERVICES[name]).partition(":")[0]]
    kind, *words_of_it = SERVICES[name]["healthcheck"]["test"]
    assert program == words_of_it[0] if kind == "CMD" else program in words_of_it[0]
    if program in {"wget", "/bin/wget"}:  # busybox's: it would write a file into a root that is read-only
        assert words_of_it[1:4] == ["-q", "-O", "/dev/null"]
    assert not re.search(r"://(?!127\.0\.0\.1:)", " ".join(words_of_it))


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_is_judged_by_its_exit_status(name: str) -> None:
    assert SERVICES[name]["healthcheck"] == {"disable": True}


@every_service
def test_it_waits_for_health_and_completion(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in JOBS else "service_healthy"
        if name == "mongo-init":  # members become healthy by it
            wanted = "service_started"
        assert how == {"condition": wanted}, other


# --- Networks, ports, volumes, secrets --------------------------------------------------------------------------------
def test_nginx_alone_publishes_ports() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert [place for service in SERVICES.values() for place in service.get("expose", [])] == []


def test_every_network_is_internal_but_those_of_the_front_door_and_of_the_alarms() -> None:
    open_networks = {name for name, network in STACK["networks"].items() if not network.get("internal")}
    found = {name: open_networks & set(networks_of(service)) for name, service in SERVICES.items()}
    assert {name: open_to for name, open_to in found.items() if open_to} == {
        name: {network} for name, network in WITH_A_WAY_OUT.items()
    }


def test_who_has_a_way_out_reaches_no_data() -> None:
    for name in WITH_A_WAY_OUT:
        assert "data" not in networks_of(SERVICES[name])
        assert not {secret for secret in SERVICES[name].get("secrets", []) if secret.startswith(("mongo", "redis"))}


def networks_of(service: dict[str, Any]) -> list[str]:
    return [] if service.get("network_mode") == "none" else service["networks"]


@every_service
def test_it_is_in_its_networks_alone(name: str) -> None:
    expected = {
        "till": ["app", "data", "watch"],
        "office": ["app", "data", "watch"],
        "sweeper": ["data", "watch"],
        "offsite": ["egress", "watch"],
        "nginx": ["edge", "app", "ops"],
        "static": [],
        "prometheus": ["watch"],
        "alertmanager": ["watch", "egress"],
        "grafana": ["watch", "ops"],
        "mongodb-exporter": ["data", "watch"],
        "redis-exporter": ["data", "watch"],
        "nginx-exporter": ["ops", "watch"],
        "blackbox-exporter": ["ops", "watch"],
        "node-exporter": ["watch"],
    }
    assert networks_of(SERVICES[name]) == expected.get(name, ["data"])
    assert set(networks_of(SERVICES[name])) <= set(STACK["networks"])


@every_service
def test_what_it_mounts_from_the_host_is_read_only_and_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _target, *mode = volume.split(":")
        if volume == HOST_MOUNTS.get(name):
            assert SERVICES[name]["user"] == "65534:65534"  # nobody, who reads what all may read
        elif source.startswith("."):
            assert mode == ["ro"], volume
            assert (ROOT / source).exists(), volume
            assert source.split("/")[1] in {"docker", "nginx"}, volume
        else:
            assert source in STACK["volumes"], volume


def test_each_volume_of_data_has_one_writer() -> None:
    writers: dict[str, list[str]] = {name: [] for name in STACK["volumes"]}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source, _target, *mode = volume.split(":")
            if source in writers and mode != ["ro"]:
                writers[source].append(name)
    assert set(writers.pop("logs")) == LOGGING_TO_FILES  # each process into files of its own
    owners = {name: [name] for name in (*MEMBERS, "redis-state", "prometheus", "alertmanager", "grafana")}
    assert writers == {**owners, "static": ["static"], "backups": ["backup"], "offsite": ["offsite"]}


@every_service
def test_its_secrets_are_files_and_stand_in_no_variable(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("secrets", [])) <= set(STACK["secrets"])
    for variable, value in service.get("environment", {}).items():
        telling = re.search(r"SECRET|PASSWORD|URI$|_URL$|KEY", variable)
        assert variable.endswith("_FILE") or variable in NO_SECRETS or not telling, variable
        if str(value).startswith("/run/secrets/"):
            assert variable.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in service["secrets"], variable


def test_no_secret_stands_in_the_file() -> None:
    for name, secret in STACK["secrets"].items():
        assert secret == {"file": f"${{SECRETS_DIR:-./secrets}}/{name}"}
    assert not re.search(r"://[^/\s]*:[^/\s]*@", FILE.read_text(encoding="utf-8"))


def test_who_sends_backups_off_site_can_do_nothing_to_them_and_knows_no_key_of_the_application() -> None:
    sender = SERVICES["offsite"]
    assert "backups:/srv/backups:ro" in sender["volumes"]
    assert set(sender["secrets"]) == {"offsite_key_id", "offsite_secret_key"}
    assert sender["environment"]["DJANGO_SETTINGS_MODULE"] == "backend.settings.offsite"
    assert not set(sender["environment"]) & set(STACK["x-app-environment"]) - {"DJANGO_SETTINGS_MODULE", "LOG_LEVEL"}
    for name in ("BACKUP_DIR", "BACKUP_OFFSITE_RECORDS"):  # both see the same places under the same names
        assert sender["environment"][name] == SERVICES["backup"]["environment"][name]
    assert "offsite:/srv/offsite:ro" in SERVICES["backup"]["volumes"]


# --- The parts --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_a_member_of_the_set_wants_to_know_who_asks(name: str) -> None:
    member = SERVICES[name]
    command = words(member["command"])
    assert command[command.index("--replSet") + 1] == "rs0"
    assert {"--auth", "--keyFile"} <= set(command)
    assert int(image_of(member).partition(":")[2].split(".")[0]) >= 8
    assert "setName" in " ".join(member["healthcheck"]["test"])  # the server of the first start looks writable too
    assert ("MONGO_INITDB_ROOT_USERNAME" in member["environment"]) == (name == "mongo1")  # the others join empty


def test_redis_keeps_its_state_and_may_lose_its_cache() -> None:
    state, cache = ((ROOT / "docker" / "redis" / f"{name}.conf").read_text("utf-8") for name in ("state", "cache"))
    assert "appendonly yes\n" in state
    assert "maxmemory-policy noeviction\n" in state
    assert "appendonly no\n" in cache
    assert "maxmemory-policy allkeys-lru\n" in cache
    for name in ("state", "cache"):
        assert words(SERVICES[f"redis-{name}"]["command"]) == [name, f"redis_{name}_password"]


def test_tills_and_office_are_one_image_with_limits_of_their_own() -> None:
    till, office = SERVICES["till"], SERVICES["office"]
    assert till["deploy"] == {"replicas": 2}
    assert {SERVICES[name]["image"] for name in OF_OUR_IMAGE} == {till["image"]}
    limits = {name: SERVICES[name]["environment"]["MONGO_QUERY_SECONDS"] for name in ("till", "office", "migrate")}
    assert limits == {"till": "2", "office": "30", "migrate": "0"}
    assert office["cpu_shares"] < 1024
    assert till["environment"]["SERVES"] == "till"  # and no back office
    assert "SERVES" not in office["environment"]


def test_the_number_of_processes_that_throttles_are_divided_by_is_the_true_one() -> None:
    told = PLACE.fullmatch(SERVICES["till"]["environment"]["WEB_CONCURRENCY"])
    workers = PLACE.fullmatch(SERVICES["till"]["environment"]["GUNICORN_WORKERS"])
    assert told is not None
    assert workers is not None
    assert int(told[3]) == int(workers[3]) * (SERVICES["till"]["deploy"]["replicas"] + 1)


@pytest.mark.parametrize("name", ["till", "office"])
def test_an_outage_of_the_database_makes_no_container_unwell(name: str) -> None:
    asked = " ".join(SERVICES[name]["healthcheck"]["test"])
    assert "/healthz" in asked
    assert "readyz" not in FILE.read_text(encoding="utf-8")


def test_the_application_trusts_the_network_of_nginx_alone() -> None:
    (network,) = STACK["networks"]["app"]["ipam"]["config"]
    assert SERVICES["till"]["environment"]["TRUSTED_PROXIES"] == network["subnet"]
    assert {name for name, service in SERVICES.items() if "app" in networks_of(service)} == {"nginx", "till", "office"}


def test_everything_waits_for_the_migrations() -> None:
    for name in ("till", "office", "sweeper"):
        assert "migrate" in SERVICES[name]["depends_on"]
    assert "mongo-init" in SERVICES["migrate"]["depends_on"]
    assert set(SERVICES["nginx"]["depends_on"]) == {"till", "office", "static"}


def test_the_migrating_job_migrates_and_checks() -> None:
    script = (ROOT / "docker" / "migrate.sh").read_text(encoding="utf-8")
    assert re.findall(r"manage\.py (\w+.*)", script) == ["migrate_database --wait 120", "check --deploy"]


# --- Seeing and being told --------------------------------------------------------------------------------------------
def test_nobody_who_serves_waits_for_who_watches() -> None:
    for name in set(SERVICES) - WATCHING:
        assert not WATCHING & set(SERVICES[name].get("depends_on", {})), name


def test_who_watches_is_no_proxy_that_is_believed() -> None:
    assert [name for name in WATCHING if "app" in networks_of(SERVICES[name])] == []


def test_nobody_enters_grafana_without_the_password_of_the_secret() -> None:
    told = SERVICES["grafana"]["environment"]
    assert told["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert told["GF_SECURITY_SECRET_KEY__FILE"] == "/run/secrets/grafana_secret_key"
    for closed in ("AUTH_ANONYMOUS_ENABLED", "AUTH_BASIC_ENABLED", "USERS_ALLOW_SIGN_UP", "USERS_ALLOW_ORG_CREATE"):
        assert told[f"GF_{closed}"] == "false", closed
    assert told["GF_SECURITY_COOKIE_SECURE"] == "true"


def test_grafana_is_where_nginx_looks_for_it() -> None:
    told = SERVICES["grafana"]["environment"]
    assert told["GF_SERVER_ROOT_URL"].endswith("/ops/")
    assert told["GF_SERVER_ROOT_URL"].startswith("${PUBLIC_ORIGIN:?")
    assert told["GF_SERVER_SERVE_FROM_SUB_PATH"] == "true"
    assert "server grafana:3000 resolve" in SERVICES["nginx"]["environment"]["OPS_SERVERS"]
    assert "/ops/api/health" in SERVICES["grafana"]["healthcheck"]["test"][-1]


def test_grafana_finds_what_it_is_given() -> None:
    mounted = {target: source for source, target, _mode in (m.split(":") for m in SERVICES["grafana"]["volumes"][1:])}
    provisioning = ROOT / mounted["/etc/grafana/provisioning"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "cinema.yml").read_text("utf-8"))["providers"]
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert provider["options"]["path"] == str(home.parent)
    assert (ROOT / mounted[str(home.parent)] / home.name).is_file()
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))["datasources"]
    for source in sources:
        address = urlsplit(source["url"])
        assert address.hostname in WATCHING
        assert f":{address.port}/" in SERVICES[address.hostname]["healthcheck"]["test"][-1]


@pytest.mark.parametrize(("name", "stage"), WITH_A_SHELL_ADDED.items())
def test_an_exporter_without_a_shell_is_built_with_one_and_on_pinned_images(name: str, stage: str) -> None:
    file = ROOT / "docker" / "exporters" / "Dockerfile"
    text = file.read_text(encoding="utf-8")
    build = SERVICES[name]["build"]
    assert (build["dockerfile"], build["target"]) == (str(file.relative_to(ROOT)), stage)
    pinned = dict(re.findall(r"^ARG (\w+)=(\S+:v?\d+\.\d+\.\d+(?:-[a-z]+)?)$", text, re.MULTILINE))
    assert {PLACE.fullmatch(value)[3] for value in build["args"].values()} == set(pinned.values())
    assert set(build["args"]) == set(pinned)
    user = re.search(rf" AS {stage}\n(?:(?!FROM).*\n)*?USER (\S+)", text)
    assert user is not None
    assert user[1] == SERVICES[name]["user"]


# --- A second machine -------------------------------------------------------------------------------------------------
def overlay(name: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((ROOT / "docker" / f"compose.{name}.yml").read_text(encoding="utf-8"))
    assert set(made["services"]) <= set(SERVICES)
    assert set(made["networks"]) == {"peers"}
    return made["services"]


@pytest.mark.parametrize("name", ["data-host", "second-server"])
def test_what_a_second_machine_reaches_listens_on_the_tunnel_alone(name: str) -> None:
    for service in overlay(name).values():
        for port in service.get("ports", []):
            assert re.match(r"\$\{PEER_[A-Z0-9]+(:\?[^}]*)?\}:\d+:\d+$", port), port
        assert not {"read_only", "cap_drop", "cap_add", "user", "security_opt", "privileged"} & set(service)


def test_the_second_machine_knows_the_members_by_the_names_that_they_have_in_their_set() -> None:
    hosts = dict(entry.split(":", 1) for entry in overlay("second-server")["till"]["extra_hosts"])
    data = {name: service["ports"][0] for name, service in overlay("data-host").items() if "ports" in service}
    assert set(hosts) == set(data) == {*MEMBERS, "redis-state", "redis-cache"}
    for name, address in hosts.items():  # of each name the address at which it listens
        assert PLACE.match(address)[1] == PLACE.match(data[name])[1], name


# --- The image --------------------------------------------------------------------------------------------------------
def stages() -> Iterator[list[str]]:
    """Yield the lines of each stage of the Dockerfile, continuations joined."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    starts = [number for number, line in enumerate(lines) if line.startswith("FROM")]
    for number, start in enumerate(starts):
        yield lines[start : starts[number + 1] if number + 1 < len(starts) else None]


def test_the_image_is_built_in_stages_on_a_pinned_base() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert len(list(stages())) == 2
    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-bookworm$", text, re.MULTILINE)
    assert "latest" not in text
    assert "ADD " not in text


def test_its_requirements_are_locked_with_hashes() -> None:
    build, _final = stages()
    (install,) = [line for line in build if "pip install" in line]
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(install.split())
    assert "requirements/prod.txt" in install
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements" / "prod.txt").read_text(encoding="utf-8"))
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n", 1)[0])


def test_its_last_stage_has_no_build_tools_and_no_root() -> None:
    _build, final = stages()
    steps = "\n".join(final)
    assert not re.search(r"apt-get|\bgcc\b|build-essential|pip install|-dev\b", steps)
    assert final[[line.startswith("USER") for line in final].index(True)] == f"USER {USERS['app']}:{USERS['app']}"
    assert not [line for line in final[final.index(f"USER {USERS['app']}:{USERS['app']}") :] if line.startswith("RUN")]


def test_no_secret_is_baked_in() -> None:
    for stage in stages():
        for line in stage:
            assert not re.match(r"(ARG|ENV) .*(SECRET|PASSWORD|KEY)", line), line


def test_development_stays_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert sorted(kept) == ["backend", "docker", "manage.py", "requirements/prod.txt"]
    assert "backend/devtools" in ignored


def test_gunicorn_is_set_as_the_plan_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))  # else the file sets it, for every later test
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    monkeypatch.delenv("GUNICORN_WORKERS", raising=False)
    settings = runpy.run_path(str(ROOT / "docker" / "gunicorn.conf.py"))
    assert (settings["workers"], settings["timeout"], settings["preload_app"]) == (4, 120, False)
    assert settings["graceful_timeout"] < 45 == int(SERVICES["till"]["stop_grace_period"].rstrip("s"))
    assert 0 < settings["max_requests_jitter"] < settings["max_requests"]

    monkeypatch.setenv("WEB_CONCURRENCY", "12")
    assert runpy.run_path(str(ROOT / "docker" / "gunicorn.conf.py"))["workers"] == 12
    monkeypatch.setenv("GUNICORN_WORKERS", "3")
    assert runpy.run_path(str(ROOT / "docker" / "gunicorn.conf.py"))["workers"] == 3


# --- Scripts ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("script", sorted((ROOT / "docker").rglob("*.sh")), ids=lambda script: script.name)
def test_a_script_says_what_it_does_and_parses(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[1].startswith("# ")
    assert "set -eu" in lines
    assert stat.S_IMODE(script.stat().st_mode) & 0o100
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0


# --- The users of the database ----------------------------------------------------------------------------------------
def test_every_collection_of_the_application_is_in_its_role() -> None:
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and not issubclass(model, EmbeddedModel)
    }
    granted = runpy.run_path(str(ROOT / "docker" / "mongo" / "init.py"))["APP_COLLECTIONS"]
    assert set(granted) == tables | {"appState", "backupState"}
