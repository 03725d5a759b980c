"""The alerts: promtool plays their cases, and each has its page in both languages, for who reads it at night."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.devtools.children import program
from tests.ops.test_watching import (
    OF_EXPORTERS,
    OF_PROMETHEUS,
    SERVICES,
    exported_by_the_application,
    jobs,
    metrics_of,
)

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "docker" / "prometheus" / "rules").glob("*.yml"))
SERVERS = ROOT / "docker" / "prometheus" / "rules" / "servers.yml"
CASES = ROOT / "docker" / "prometheus" / "tests"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for file in RULES
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}

every_alert = pytest.mark.parametrize("name", sorted(ALERTS))


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    executable = program("promtool", hint="Debian: apt-get install prometheus")
    return subprocess.run([executable, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_promtool_finds_no_fault_in_the_configuration() -> None:
    done = promtool("check", "config", "--syntax-only", str(ROOT / "docker" / "prometheus" / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rules", RULES, ids=lambda file: file.stem)
def test_each_case_fires_or_stays_quiet_as_it_should(rules: Path) -> None:
    done = promtool("test", "rules", str(CASES / rules.name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_that_does_not_fire_is_found(tmp_path: Path) -> None:
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    rules = (SERVERS.read_text(encoding="utf-8")).replace("redis_up == 0", "redis_up == 7")
    (tmp_path / "rules" / SERVERS.name).write_text(rules, encoding="utf-8")
    cases = tmp_path / "tests" / SERVERS.name
    cases.write_text((CASES / SERVERS.name).read_text(encoding="utf-8"), encoding="utf-8")

    done = promtool("test", "rules", str(cases))

    assert done.returncode == 1
    assert "RedisDown" in done.stdout + done.stderr


@every_alert
def test_it_has_a_case_in_which_it_fires_and_one_in_which_all_is_well(name: str) -> None:
    fires = [
        case["name"]
        for file in CASES.glob("*.yml")
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
        for expected in case.get("promql_expr_test", [])
        if any(f'alertname="{name}"' in sample["labels"] for sample in expected["exp_samples"])
    ]
    assert [case for case in fires if case != "all is well"]
    assert ("all is well" in fires) == (name == "Watchdog")  # which always fires: its silence is the alarm


@every_alert
def test_it_says_how_bad_it_is_and_leads_to_its_page_in_both_languages(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"none", "warning", "critical"}
    page = ROOT / alert["annotations"]["runbook"]
    for file in (page, page.with_suffix(".en.md")):
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {name}\n")
        assert len(re.findall(r"^\*\*.*?\*\*", text, re.MULTILINE)) == 2  # what it means, what to do
    assert re.search(r"[一-鿿].* / [A-Za-z{]", alert["annotations"]["summary"])


@every_alert
def test_it_asks_only_for_what_somebody_exports(name: str) -> None:
    known = OF_PROMETHEUS | exported_by_the_application()
    for metric in metrics_of(ALERTS[name]["expr"]):
        assert metric in known or metric.startswith(OF_EXPORTERS), metric


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    pages = {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    wanted = {Path(alert["annotations"]["runbook"]).name for alert in ALERTS.values()}
    assert pages == wanted | {name.replace(".md", ".en.md") for name in wanted}


def test_of_each_service_that_is_found_by_its_name_as_many_are_wanted_as_the_compose_file_has() -> None:
    asked = {name for job in jobs().values() for found in job.get("dns_sd_configs", []) for name in found["names"]}
    wanted = {name: SERVICES[name].get("deploy", {}).get("replicas", 1) for name in asked}
    missing = re.search(
        r'count\(up\{job="till", machine=""\} == 1\) or vector\(0\)\) < (\d+)', ALERTS["TillMissing"]["expr"]
    )
    absent = set(re.findall(r'absent\(up\{job="(\w+)"\}\)', ALERTS["TargetDown"]["expr"]))
    assert missing is not None
    assert wanted == {"till": int(missing[1]), "office": 1}
    assert asked <= absent
