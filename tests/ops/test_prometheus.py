"""The real Prometheus with the file of production: it asks the tills of another machine once a file names them."""

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from backend.devtools import watching
from backend.devtools.children import Child, free_port, program, running
from backend.devtools.run import answers

Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def till() -> Iterator[int]:
    """The figures of a till on another machine; return its port."""
    registry = CollectorRegistry()
    Gauge("cinema_build_info", "What runs.", ["version"], registry=registry).labels("1.2.3").set(1)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Ask]:
    """Ask a running Prometheus, whose /etc/prometheus is `tmp_path`, in PromQL."""
    own = (watching.PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    own = own.replace("/etc/prometheus/", f"{tmp_path}/")
    own = re.sub(r"(scrape|evaluation)_interval: \S+", r"\1_interval: 1s", own)
    own = re.sub(r"scrape_timeout: \S+", "scrape_timeout: 1s", own)
    (tmp_path / "prometheus.yml").write_text(own, encoding="utf-8")
    (tmp_path / "targets").mkdir()
    (tmp_path / "rules").symlink_to(watching.PROMETHEUS / "rules")
    address = f"127.0.0.1:{free_port()}"
    child = Child(
        "Prometheus",
        [
            program("prometheus", hint="Debian: apt-get install prometheus"),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
        ],
        log=tmp_path / "prometheus.log",
    )

    def ask(expression: str) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{query}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    with running(child):
        child.wait_until(lambda: answers(f"http://{address}/-/ready"), seconds=30)
        yield ask


def eventually(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 30
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def test_tills_of_another_machine_are_asked_once_a_file_names_them(prometheus: Ask, till: int, tmp_path: Path) -> None:
    example = (watching.PROMETHEUS / "targets" / "till.yml.example").read_text(encoding="utf-8")
    there = re.sub(r'"[\d.]+:9200"', f'"127.0.0.1:{till}"', example)
    assert there != example
    wanted = 'cinema_build_info{job="till", machine="second"}'
    assert prometheus(wanted) == []

    # As an editor writes: another name first. Prometheus sees no half of it.
    (tmp_path / "targets" / "new").write_text(there, encoding="utf-8")
    (tmp_path / "targets" / "new").rename(tmp_path / "targets" / "till.yml")
    assert eventually(lambda: len(prometheus(wanted)) == 1)
    assert [found["value"][1] for found in prometheus('up{job="till", machine="second"}')] == ["1"]


def test_the_second_machine_shows_its_figures_in_the_tunnel_and_prometheus_is_in_it() -> None:
    docker = watching.PROMETHEUS.parent
    second, first = (
        yaml.safe_load((docker / f"compose.{name}.yml").read_text(encoding="utf-8"))["services"]
        for name in ("second-server", "data-host")
    )
    assert "${PEER_SECOND}:9200:9200" in second["till"]["ports"]
    assert "peers" in first["prometheus"]["networks"]
    for page in ("containers.md", "containers.en.md"):  # and nobody else sees them
        text = (docker.parent / "docs" / "guides" / page).read_text(encoding="utf-8")
        assert "--dports 27017,6379,8000,9200 -j DROP" in text
