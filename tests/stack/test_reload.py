"""How secrets are taken over: HUP gives gunicorn new workers, which read the files anew, and nobody is refused."""

import os
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path

from backend.devtools.children import Child, free_port
from backend.devtools.run import answers
from tests.backend.test_settings import GOOD

ROOT = Path(__file__).resolve().parents[2]


def workers_of(master: int) -> set[int]:
    """Return the processes of gunicorn's workers."""
    return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii").split()}


def test_new_workers_take_over_while_everybody_is_served(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py", "backend.wsgi:application"]
    environment = {**GOOD, "GUNICORN_WORKERS": "2"}
    child = Child(
        "gunicorn",
        [*command, "--bind", f"127.0.0.1:{port}"],
        directory=ROOT,
        environment=environment,
        log=tmp_path / "gunicorn.log",
    )
    address = f"http://127.0.0.1:{port}/healthz"
    refused: list[str] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            try:
                with urllib.request.urlopen(address, timeout=20) as answer:
                    assert answer.status == 200
            except OSError as error:
                refused.append(str(error))

    asking = [threading.Thread(target=ask) for _ in range(3)]
    try:
        child.wait_until(lambda: answers(address), seconds=30)
        before = workers_of(child.pid)
        assert len(before) == 2
        for thread in asking:
            thread.start()

        os.kill(child.pid, signal.SIGHUP)

        give_up = time.monotonic() + 60
        while before & workers_of(child.pid) or len(workers_of(child.pid)) != 2:
            assert time.monotonic() < give_up, (tmp_path / "gunicorn.log").read_text(encoding="utf-8")
            time.sleep(0.2)
        time.sleep(0.5)
    finally:
        enough.set()
        for thread in asking:
            if thread.is_alive():
                thread.join()
        child.stop()
    assert refused == []
