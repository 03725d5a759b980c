"""What Prometheus asks, whom Alertmanager tells, and what the dashboard shows: only what somebody exports."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.prod.yml").read_text("utf-8"))["services"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "prometheus" / "prometheus.yml").read_text("utf-8"))
ALERTMANAGER: dict[str, Any] = yaml.safe_load(
    (ROOT / "docker" / "alertmanager" / "alertmanager.yml").read_text("utf-8")
)
DASHBOARDS = sorted((ROOT / "docker" / "grafana" / "dashboards").glob("*.json"))
OF_EXPORTERS = ("mongodb_", "redis_", "nginx_", "node_", "probe_")
OF_PROMETHEUS = {"up", "ALERTS"}
# Words of PromQL that stand where a name could.
WORDS = {"by", "on", "without", "ignoring", "group_left", "group_right", "or", "and", "unless", "bool", "offset"}

every_dashboard = pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)


def jobs() -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}


def metrics_of(expression: str) -> set[str]:
    """Return the names of metrics in a PromQL expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", expression)
    bare = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", bare)) - WORDS


def exported_by_the_application() -> set[str]:
    """Return the names of the metrics that the application declares, as Prometheus sees them."""
    declared = re.compile(r"\b(Counter|counter|Gauge|GaugeMetricFamily|Histogram|Summary)\(\s*\"(\w+)\"")
    names = set()
    for file in (ROOT / "backend").rglob("*.py"):
        for kind, name in declared.findall(file.read_text(encoding="utf-8")):
            names |= {name, f"{name}_total", f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind else set()
    return names


@pytest.mark.parametrize("page", ["watching.md", "watching.en.md"])
def test_the_guide_names_each_figure_and_no_other(page: str) -> None:
    text = (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(cinema_\w+?)(?:_total)?`", text))
    declared = re.compile(r"\b(?:Counter|counter|Gauge|Histogram)\(\s*\"(cinema_\w+)\"")
    files = [*(ROOT / "backend" / "core").glob("*.py"), *(ROOT / "backend" / "accounts").glob("*.py")]
    assert named == {name for file in files for name in declared.findall(file.read_text(encoding="utf-8"))}


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def test_names_are_found_in_promql() -> None:
    found = metrics_of('sum by (job) (rate(a_total{x="y_z"}[5m])) / on() group_right() max(b_ratio) or vector(0)')
    assert found == {"a_total", "b_ratio"}


@every_dashboard
def test_a_dashboard_shows_only_what_is_exported(file: Path) -> None:
    application = exported_by_the_application()
    for expression in expressions(json.loads(file.read_text(encoding="utf-8"))):
        for name in metrics_of(expression):
            assert name in OF_PROMETHEUS | application or name.startswith(OF_EXPORTERS), f"{name} in {expression}"


@every_dashboard
def test_a_dashboard_asks_the_provisioned_source_and_says_what_it_shows(file: Path) -> None:
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    sources = yaml.safe_load((ROOT / "docker/grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    assert not dashboard["editable"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] in {source["uid"] for source in sources["datasources"]}
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


@pytest.mark.parametrize("name", sorted(jobs()))
def test_prometheus_asks_services_that_share_a_network_with_it(name: str) -> None:
    job = jobs()[name]
    asked = [target for group in job.get("static_configs", []) for target in group["targets"]]
    asked += [name for group in job.get("dns_sd_configs", []) for name in group["names"]]
    rules = job.get("relabel_configs", [])
    if through := [rule["replacement"] for rule in rules if rule["target_label"] == "__address__"]:
        assert job["metrics_path"] in {"/scrape", "/probe"}
        for target in asked:
            assert target.partition("://")[2].partition(":")[0] in SERVICES or target.partition(":")[0] in SERVICES
        asked = through
    for target in asked:
        service = target.partition(":")[0]
        if service != "localhost":
            assert "watch" in SERVICES[service]["networks"], target


def test_every_exporter_is_asked_and_every_member_and_both_redis() -> None:
    text = json.dumps(PROMETHEUS["scrape_configs"])
    for name in SERVICES:
        if name.endswith("-exporter"):
            assert f"{name}:" in text
    for name in ("mongo1", "mongo2", "mongo3", "redis-state", "redis-cache"):
        assert f"{name}:" in text


def test_alerts_go_to_alertmanager_and_from_there_to_the_address_of_the_secret() -> None:
    (told,) = PROMETHEUS["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    receivers = {receiver["name"]: receiver for receiver in ALERTMANAGER["receivers"]}
    routes = [ALERTMANAGER["route"], *ALERTMANAGER["route"].get("routes", [])]
    assert {route["receiver"] for route in routes} <= set(receivers)
    text = json.dumps(ALERTMANAGER)
    secrets = set(re.findall(r"/run/secrets/(\w+)", text))
    assert secrets
    assert secrets == set(SERVICES["alertmanager"]["secrets"])
    assert "://" not in text  # an address of a chat is a secret
