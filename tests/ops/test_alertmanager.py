"""Who is told what: the real Alertmanager with the file of production, its waits cut short."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from backend.devtools import watching
from backend.devtools.children import CannotStart, Child, free_port, program, running
from backend.devtools.run import answers

CONFIG = watching.ALERTMANAGER.read_text(encoding="utf-8")


class Ear(ThreadingHTTPServer):
    """The people's end: keeps which address was told which alert."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.told: set[tuple[str, str]] = set()


class Told(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Ear)
        self.server.told |= {(self.path, alert["labels"]["alertname"]) for alert in body["alerts"]}
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_about: object) -> None:
        """Say nothing."""


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def alertmanager(tmp_path: Path, ear: Ear) -> Iterator[str]:
    """Return the address of a running Alertmanager that tells `ear`."""
    told = re.sub(r"url_file: /run/secrets/(\S+)", rf'url: "http://127.0.0.1:{ear.server_port}/\1"', CONFIG)
    own = re.sub(r"group_wait: \S+", "group_wait: 300ms", told)
    (tmp_path / "alertmanager.yml").write_text(own, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    child = Child(
        "Alertmanager",
        [
            program("prometheus-alertmanager", hint="Debian: apt-get install prometheus-alertmanager"),
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ],
        log=tmp_path / "alertmanager.log",
    )
    with running(child):
        child.wait_until(lambda: answers(f"http://{address}/-/ready"), seconds=30)
        yield address


def fire(alertmanager: str, *alerts: dict[str, str]) -> None:
    body = json.dumps([{"labels": alert, "startsAt": datetime.now(UTC).isoformat()} for alert in alerts]).encode()
    with closing(HTTPConnection(alertmanager, timeout=10)) as connection:
        connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200


def test_people_hear_of_everything_but_what_follows_from_a_thing_that_is_down(alertmanager: str, ear: Ear) -> None:
    fire(
        alertmanager,
        {"alertname": "RedisDown", "severity": "critical", "instance": "redis-state"},
        {"alertname": "OfTheSame", "severity": "warning", "instance": "redis-state"},
        {"alertname": "OfAnother", "severity": "warning", "instance": "mongo1:27017"},
        {"alertname": "AnswersFail", "severity": "critical"},
        {"alertname": "RefreshTokenReused", "severity": "warning"},  # of no instance, as the one before
        {"alertname": "Watchdog", "severity": "none"},
    )
    heard = {("/alert_webhook_url", name) for name in ("RedisDown", "OfAnother", "AnswersFail", "RefreshTokenReused")}
    heard |= {("/heartbeat_webhook_url", "Watchdog")}

    give_up = time.monotonic() + 30
    while not heard <= ear.told:
        assert time.monotonic() < give_up, ear.told
        time.sleep(0.05)
    assert ear.told == heard


def test_everything_but_the_address_in_a_file_is_judged_by_an_older_amtool_too() -> None:
    older = watching.as_known(CONFIG, (0, 25))
    assert watching.as_known(CONFIG, (0, 28)) == CONFIG
    changed = [(old, new) for old, new in zip(CONFIG.splitlines(), older.splitlines(), strict=True) if old != new]
    assert [old.split(":")[0].strip(" -") for old, _new in changed] == ["url_file", "url_file"]
    with pytest.raises(CannotStart):
        watching.as_known("url_file: secrets/there", (0, 25))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("send_resolved:", "send_resolve:"),
        ("receiver: people", "receiver: nobody"),
        ("source_matchers: ['", "source_matchers: ['{{"),
        ("group_by: [", "group_by: [{"),
    ],
)
def test_lint_refuses_a_mistake_of_alertmanagers_file(
    right: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert right in CONFIG
    (tmp_path / "alertmanager.yml").write_text(CONFIG.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(watching, "ALERTMANAGER", tmp_path / "alertmanager.yml")
    monkeypatch.setattr(watching, "PROMETHEUS", tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "prometheus.yml").write_text("{}", encoding="utf-8")
    (tmp_path / "rules" / "none.yml").write_text("groups: []", encoding="utf-8")
    (tmp_path / "tests" / "none.yml").write_text("tests: []", encoding="utf-8")
    assert watching.main() == 1

    monkeypatch.setattr(watching, "ROUTES", {})  # not for the routes alone
    assert watching.main() == 1
    (tmp_path / "alertmanager.yml").write_text(CONFIG, encoding="utf-8")
    assert watching.main() == 0


def test_each_severity_of_the_rules_is_routed() -> None:
    severities = {
        rule["labels"]["severity"]
        for file in (watching.PROMETHEUS / "rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    }
    assert {f"severity={severity}" for severity in severities} == {labels[-1] for labels in watching.ROUTES}
