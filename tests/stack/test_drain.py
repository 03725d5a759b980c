"""A server of the application is stopped while nginx sends it sales: none fails that nginx may not send again."""

import http.client
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from backend.devtools import nginx
from backend.devtools.certificates import ensure_certificates
from backend.devtools.children import Child, free_port, is_free, running
from backend.devtools.run import answers
from backend.devtools.servers import ROOT
from tests.ops.processes import eventually

SELLERS = 16
SERVERS = 3
PAUSE_SECONDS = 0.06  # nginx takes 200 requests a second from one address
PLAIN = ("--worker-class", "gthread")  # gunicorn's own
Counted = Counter[str]


def server(port: int, *options: str) -> Child:
    """Start one server of two workers on the container's configuration."""
    command = [sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "2", *options, "tests.stack.answering:application"]
    return Child("gunicorn", command, directory=ROOT, environment={"GUNICORN_CMD_ARGS": "--log-level error"})


@contextmanager
def front(directory: Path, ports: list[int]) -> Iterator[Callable[[], http.client.HTTPSConnection]]:
    """Run nginx before servers on `ports`, and yield what opens a connection to it."""
    ca_file, certificate, key = ensure_certificates(directory / "tls")
    port = free_port()
    configuration = nginx.write_configuration(
        directory / "nginx",
        port=port,
        redirect_port=free_port(),
        till_ports=ports,
        office_ports=ports,
        certificate=certificate,
        key=key,
        static=directory / "static",
        origin=f"https://127.0.0.1:{port}",
    )
    context = ssl.create_default_context(cafile=str(ca_file))

    def connect() -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)

    with running(nginx.nginx(configuration)) as child:
        child.wait_until(lambda: not is_free(port), seconds=10)
        yield connect


@contextmanager
def selling(connect: Callable[[], http.client.HTTPSConnection]) -> Iterator[Counted]:
    """POST from many sides for the length of the block, each on one connection, and count how it was answered."""
    enough, seen, lock = threading.Event(), Counted(), threading.Lock()

    def sell(device: str) -> None:
        connection = connect()
        while not enough.is_set():
            try:
                connection.request("POST", "/till/", b"{}", {"X-Device-Id": device})
                answer = connection.getresponse()
                answer.read()
                said = str(answer.status)
            except OSError as error:
                said = type(error).__name__
                connection.close()
            with lock:
                seen[said] += 1
            enough.wait(PAUSE_SECONDS)
        connection.close()

    sellers = [threading.Thread(target=sell, args=(f"till-{number:016}",)) for number in range(SELLERS)]
    for seller in sellers:
        seller.start()
    try:
        yield seen
    finally:
        enough.set()
        for seller in sellers:
            seller.join()


def stop_one_after_another(directory: Path, *options: str) -> Counted:
    """Stop all servers but the last in turn while people sell; return the answers they had."""
    ports = [free_port() for _ in range(SERVERS)]
    with ExitStack() as ending:
        children = [ending.enter_context(running(server(port, *options))) for port in ports]
        for child, port in zip(children, ports, strict=True):
            child.wait_until(partial(answers, f"http://127.0.0.1:{port}/"), seconds=30)
        connect = ending.enter_context(front(directory, ports))
        with selling(connect) as seen:
            for child in children[:-1]:
                before = seen["200"]
                assert eventually(lambda before=before: seen["200"] > before + SELLERS), seen
                child.stop()
            assert eventually(lambda before=seen["200"]: seen["200"] > before + SELLERS), seen
    return seen


@pytest.mark.slow
def test_stopping_servers_one_after_another_fails_no_sale(tmp_path: Path) -> None:
    seen = stop_one_after_another(tmp_path)

    assert set(seen) == {"200"}, seen


@pytest.mark.slow
def test_control_gunicorns_own_worker_cuts_some_off(tmp_path: Path) -> None:
    seen = stop_one_after_another(tmp_path, *PLAIN)

    assert seen["503"] > 0, seen
