"""Gunicorn in the container: four workers, patient with reports, each replaced after a while."""

import fcntl
import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

# The container's networks have no other way in. The second port answers `/metrics` alone, which nginx does not reach.
bind = ["0.0.0.0:8000", f"0.0.0.0:{os.environ.setdefault('METRICS_PORT', '9200')}"]
# WEB_CONCURRENCY counts all processes on all hosts (the settings divide throttles by it), where it is not the same.
workers = int(os.environ.get("GUNICORN_WORKERS") or os.environ.get("WEB_CONCURRENCY") or 4)
worker_class = "backend.ops.draining.DrainingWorker"  # gthread, without a request lost when it stops
threads = 4
timeout = 120
graceful_timeout = 30
keepalive = 75  # longer than nginx keeps its connections: it never writes into one that is being closed
max_requests = 5000
max_requests_jitter = 500
# Each worker loads the application itself: a MongoClient does not survive a fork, and HUP reads the secrets anew.
preload_app = False
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the root is read-only, and a heartbeat on a disk can block
accesslog = None  # nginx writes it
# Its own lines as the application's: one JSON object each, masked, since some repeat what a caller sent.
logconfig_dict = {
    "formatters": {"line": {"()": "backend.core.logs.JsonFormatter"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["stdout"], "propagate": False}},
    "root": {"level": "WARNING", "handlers": ["stdout"]},
}


# --- Where the workers count: in memory, new with each start ----------------------------------------------------------
FIGURES = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name: a directory of yours, or one is made here
PREPARED = "FIGURES_PREPARED"  # the process that did, and whether the directory is its own


def prepare_figures() -> None:
    """Give this server an empty directory for its figures; HUP, which reads this file again, keeps the one it has."""
    own, given = f"{os.getpid()} own", f"{os.getpid()} given"
    if os.environ.get(PREPARED) in {own, given}:
        return
    if FIGURES in os.environ:
        for file in Path(os.environ[FIGURES]).glob("*.db"):  # what the workers of the run before use is used no more
            file.unlink(missing_ok=True)
        os.environ[PREPARED] = given
        return
    remove_abandoned(Path(worker_tmp_dir))
    directory = Path(tempfile.mkdtemp(prefix="new-metrics-", dir=worker_tmp_dir))
    # Master and workers hold the lock through one descriptor: whoever gets it knows that the last of them is gone.
    fcntl.flock(os.open(directory, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX)
    # Under this name only now, when it is locked: another server that starts takes it for nobody's.
    locked = directory.rename(directory.with_name(directory.name.removeprefix("new-")))
    os.environ |= {FIGURES: str(locked), PREPARED: own}


def remove_abandoned(parent: Path) -> None:
    """Remove the directories of servers that were killed before they could."""
    for directory in parent.glob("metrics-*"):
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # somebody else's, or gone meanwhile
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:  # it counts
            pass
        finally:
            os.close(descriptor)


prepare_figures()


# --- The life of workers ----------------------------------------------------------------------------------------------
def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the lowest place that no living one has: its figures bear that number."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn passes it
    """Tell the application its place, before it is loaded."""
    os.environ["WORKER_PLACE"] = str(worker.place)


def post_worker_init(worker: Any) -> None:  # noqa: ARG001
    """Look for cycles of objects less often: a request leaves few, and looking costs more than they do."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Forget what only holds of a living worker, like the connections that it uses."""
    multiprocess.mark_process_dead(worker.place)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ARG001
    """Leave nothing in memory that was made here; a directory that was given stays."""
    if os.environ.get(PREPARED) == f"{os.getpid()} own":
        shutil.rmtree(os.environ[FIGURES], ignore_errors=True)
