"""nginx on its real configuration: in front of an application that echoes, or of the whole stack."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis
import requests

from backend.devtools import nginx
from backend.devtools.certificates import ensure_certificates
from backend.devtools.children import free_port, program, running
from backend.devtools.stack import QUERY_SECONDS, Stack, of_server, running_stack
from tests.stack.process import Process, command_of


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it was asked with."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))  # else its rest is taken for a second request
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@dataclass(frozen=True)
class Front:
    """A running nginx: its addresses, the authority to trust, its access log."""

    origin: str
    http_origin: str
    ca_file: str
    access_log: Path
    configuration: Path

    def get(self, path: str, **kwargs: object) -> requests.Response:
        return requests.get(self.origin + path, verify=self.ca_file, timeout=10, allow_redirects=False, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """Return an nginx of this test alone, so that its limits are untouched."""
    application = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    ca_file, certificate, key = ensure_certificates(tmp_path / "tls")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "app.css").write_text("body {}")
    port, redirect_port = free_port(), free_port()
    origin = f"https://127.0.0.1:{port}"
    configuration = nginx.write_configuration(
        tmp_path / "nginx",
        port=port,
        redirect_port=redirect_port,
        till_ports=[application.server_port],
        office_ports=[application.server_port],
        certificate=certificate,
        key=key,
        static=tmp_path / "static",
        origin=origin,
    )
    log = tmp_path / "nginx" / "access.log"
    with running(nginx.nginx(configuration)) as child:
        made = Front(origin, f"http://127.0.0.1:{redirect_port}", str(ca_file), log, configuration)
        child.wait_until(lambda: answers(made), seconds=10)
        yield made
    application.shutdown()
    application.server_close()


def answers(front: Front) -> bool:
    """Tell whether nginx serves."""
    try:
        return front.get("/healthz").status_code == 200
    except requests.RequestException:
        return False


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the whole production shape, with demo data."""
    with running_stack(tmp_path_factory.mktemp("stack"), workers=1) as running:
        yield running


@pytest.fixture(scope="package")
def parts(stack: Stack) -> Iterator[dict[str, Process]]:
    """Return the stack's servers by name, each with the command that begins it again."""
    directory = stack.directory
    with redis.Redis.from_url(stack.redis_url) as client:
        redis_pid = int(client.info("server")["process_id"])
    mongo_pid = int((directory / "mongo.pid").read_text("ascii").split()[0])
    keep = partial(Process, environment=stack.environment, logs=directory)
    found = {
        "mongo": keep("mongo", mongo_pid, command_of(mongo_pid)),
        "redis": keep("redis", redis_pid, [program("redis-server", hint=""), str(directory / "redis" / "redis.conf")]),
        "nginx": keep("nginx", stack.children["nginx"].pid, nginx.command(directory / "nginx" / "nginx.conf")),
    }
    for name in QUERY_SECONDS:
        pid = stack.children[name].pid
        own = stack.environment | of_server(name)
        found[name] = Process(name, pid, command_of(pid), environment=own, logs=directory)
    yield found
    for part in found.values():
        part.stop()
