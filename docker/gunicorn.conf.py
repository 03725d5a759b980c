"""Gunicorn in the container: four workers, patient with reports, each replaced after a while."""

import os
import shutil
import tempfile
from typing import Any

from prometheus_client import multiprocess

# The container's networks have no other way in. The second port answers `/metrics` alone, which nginx does not reach.
bind = ["0.0.0.0:8000", f"0.0.0.0:{os.environ.setdefault('METRICS_PORT', '9200')}"]
# WEB_CONCURRENCY counts all processes on all hosts (the settings divide throttles by it), where it is not the same.
workers = int(os.environ.get("GUNICORN_WORKERS") or os.environ.get("WEB_CONCURRENCY") or 4)
worker_class = "gthread"
threads = 4
timeout = 120
graceful_timeout = 30
keepalive = 75  # longer than nginx keeps its connections: it never writes into one that is being closed
max_requests = 5000
max_requests_jitter = 500
# Each worker loads the application itself: a MongoClient does not survive a fork, and HUP reads the secrets anew.
preload_app = False
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the root is read-only, and a heartbeat on a disk can block
# What the workers count, in memory and new with each start; HUP reads this file again and keeps the directory.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-", dir=worker_tmp_dir)
accesslog = None  # nginx writes it
errorlog = "-"


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the lowest place that no living one has: its figures and its log file bear that number."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn passes it
    """Tell the application its place, before it is loaded."""
    os.environ["WORKER_PLACE"] = str(worker.place)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Forget what only holds of a living worker, like the connections that it uses."""
    multiprocess.mark_process_dead(worker.place)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ARG001
    """Leave nothing in memory."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
