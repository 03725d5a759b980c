"""Figures of a server whose workers come and go: one sum, files that do not pile up, lines in each worker's log."""

import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from backend.devtools.children import Child, free_port
from backend.devtools.run import answers
from tests.backend.test_settings import GOOD
from tests.stack.test_reload import ROOT, workers_of

WORKERS = 2
ASKED = 10


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return str(answer.read().decode())


def refusal(port: int, path: str) -> int:
    """Return the status of an answer that refuses."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(port, path)
    refused.value.close()
    return refused.value.code


def total(text: str) -> float:
    """Return how many requests the exposition counts, probes included."""
    return sum(float(value) for value in re.findall(r"(?m)^cinema_http_request_seconds_count\{.*\} (\S+)$", text))


def test_workers_count_together_and_their_successors_count_on(tmp_path: Path) -> None:
    port, own_port = free_port(), free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py", "backend.wsgi:application"]
    figures, logs = tmp_path / "figures", tmp_path / "logs"
    figures.mkdir()
    logs.mkdir()
    environment = {
        **GOOD,
        "GUNICORN_WORKERS": str(WORKERS),
        "METRICS_PORT": str(own_port),
        "PROMETHEUS_MULTIPROC_DIR": str(figures),
        "LOG_DIR": str(logs),
    }
    child = Child(
        "gunicorn",
        [*command, "--bind", f"127.0.0.1:{port}", "--bind", f"127.0.0.1:{own_port}"],
        directory=ROOT,
        environment=environment,
        log=tmp_path / "gunicorn.log",
    )
    try:
        child.wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), seconds=60)
        shown = asked(own_port, "/metrics")
        assert len(re.findall(r"(?m)^cinema_build_info\{.*\} 1\.0$", shown)) == 1  # of all workers
        assert 'cinema_misused_tokens_total{how="reused"} 0.0' in shown  # before the first
        before = total(asked(own_port, "/metrics"))
        for _ in range(ASKED):
            asked(port, "/healthz")
        assert total(asked(own_port, "/metrics")) == before + ASKED
        assert refusal(port, "/metrics") == 400  # no such host, where nginx does not stand before it
        assert refusal(own_port, "/healthz") == 404

        counted = total(asked(own_port, "/metrics"))
        for worker in workers_of(child.pid):
            os.kill(worker, signal.SIGKILL)
        give_up = time.monotonic() + 60
        while not (len(workers_of(child.pid)) == WORKERS and answers(f"http://127.0.0.1:{port}/healthz")):
            assert time.monotonic() < give_up
            time.sleep(0.2)
        assert total(asked(own_port, "/metrics")) > counted
        assert all(re.fullmatch(r"[a-z_]+_[01]\.db", file.name) for file in figures.iterdir())  # by place
        lines = [line for file in logs.glob("app-*.log") for line in file.read_text("utf-8").splitlines()]
        assert all(json.loads(line)["time"] for line in lines)
    finally:
        child.stop()
