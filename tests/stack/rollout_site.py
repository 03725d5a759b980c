"""The roll-out's site without containers: gunicorn masters and a sweeper on this machine, behind the stack's nginx.

Where compose finds a new container by its name within 5 s, this writes nginx's list of servers anew; a server that
was stopped stays on the list until then, as an address does that nginx still remembers.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from backend.devtools.children import Child, free_port
from backend.devtools.run import answers, sweeper
from backend.devtools.servers import ROOT
from backend.devtools.stack import Stack
from backend.ops.rollout import Failed

WORKERS = 2
RECIPIENT = "age1nwk6ueklsyhzrme8pqpredjn9dpwy9k5zdmxaemw7plpqmk8pdwqvewlml"  # of backups that nobody need read
SETTLE_SECONDS = 0.5  # nginx takes a new list over


@dataclass
class Server:
    """One process tree of a service."""

    child: Child
    release: str
    port: int | None


class Processes:
    """Two tills, an office and a sweeper on the database of `stack`.

    Args:
        stack: whose nginx, database and Redis they use.
        releases: what each release is: the variables by which it differs.
        first: the release of now.
    """

    def __init__(self, stack: Stack, releases: Mapping[str, Mapping[str, str]], *, first: str) -> None:
        self.stack = replace(stack, environment={**stack.environment, "BACKUP_AGE_RECIPIENT": RECIPIENT})
        self.releases = releases
        self.configuration = stack.directory / "nginx" / "nginx.conf"
        self.found = self.configuration.read_text(encoding="utf-8")
        self.remembered = first
        self.started = 0
        self.fleet: dict[str, dict[str, Server]] = {"till": {}, "office": {}, "sweeper": {}}
        for service, fleet in self.fleet.items():
            while len(fleet) < self.wanted(service):
                self.start(service, first)
            for name in fleet:
                fleet[name].child.wait_until(lambda at=(service, name): self.is_ready(*at), seconds=60)  # type: ignore[misc]
        self.list_servers()

    # --- what the roll-out asks for ------------------------------------------------------------------------------
    def release(self) -> str:
        return self.remembered

    def back_up(self) -> None:
        self.stack.manage("backup_database", "--output", str(self.stack.directory / "backups"))

    def migrate(self, release: str) -> None:
        self.stack.manage("migrate_database")

    def publish_static(self, release: str) -> None:
        self.stack.manage("collectstatic", "--noinput")

    def wanted(self, service: str) -> int:
        return 2 if service == "till" else 1

    def servers(self, service: str) -> Mapping[str, str]:
        return {name: server.release for name, server in self.fleet[service].items()}

    def start(self, service: str, release: str) -> None:
        self.started += 1
        name, port = f"{service}-{self.started}", None
        environment = {**self.stack.environment, **self.releases[release]}
        log = self.stack.directory / f"{name}.log"
        if service == "sweeper":
            child = sweeper(environment, log=log)
        else:
            port = free_port()
            command = [sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py"]
            command += ["--bind", f"127.0.0.1:{port}", "--forwarded-allow-ips", "127.0.0.1", "backend.wsgi:application"]
            environment["GUNICORN_WORKERS"] = str(WORKERS)
            child = Child(name, command, directory=ROOT, environment=environment, log=log)
        self.fleet[service][name] = Server(child, release, port)

    def is_ready(self, service: str, server: str) -> bool:
        found = self.fleet[service][server]
        if not found.child.runs():
            raise Failed(f"{server} ended: {found.child.last_words()}")
        ready = found.port is None or answers(f"http://127.0.0.1:{found.port}/readyz")
        if ready:
            self.list_servers()
        return ready

    def stop(self, service: str, server: str) -> None:
        self.fleet[service][server].child.stop()  # SIGTERM, as `docker stop` sends it; nginx does not know yet
        del self.fleet[service][server]
        self.list_servers()

    def reload_front(self) -> None:
        front = self.stack.children[-1]
        os.kill(front.pid, signal.SIGHUP)

    def follow(self, release: str) -> None:
        """Nothing else of it runs here."""

    def remember(self, release: str) -> None:
        self.remembered = release

    # --- what tests ask for --------------------------------------------------------------------------------------
    def kill(self, service: str) -> None:
        """End every server of a service at once, by force."""
        for server in self.fleet[service].values():
            os.killpg(server.child.pid, signal.SIGKILL)
            server.child.stop()
        self.fleet[service].clear()

    def close(self) -> None:
        """End all, and let nginx ask the stack's own server again: other tests share it."""
        self.configure(self.found)
        for fleet in self.fleet.values():
            for server in fleet.values():
                server.child.stop()

    def list_servers(self) -> None:
        """Write nginx's lists of servers, and have it read them where they changed."""
        before = text = self.configuration.read_text(encoding="utf-8")
        for service in ("till", "office"):
            ports = [server.port for server in self.fleet[service].values()]
            lines = "".join(f"    server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;\n" for port in ports)
            head = rf"(upstream {service} \{{\n +zone {service} \d+k;\n)"
            text, changed = re.subn(rf"{head}(?: +server [^\n]*\n)+", lambda found, lines=lines: found[1] + lines, text)  # type: ignore[misc]
            assert changed == 1
        if text != before and all(self.fleet[service] for service in ("till", "office")):
            self.configure(text)

    def configure(self, text: str) -> None:
        """Give nginx another configuration."""
        self.configuration.write_text(text, encoding="utf-8")
        self.reload_front()
        time.sleep(SETTLE_SECONDS)
