"""The roll-out's site without containers: application servers and a sweeper on this machine, behind the stack's nginx.

Where compose finds containers by their service's name, nginx knows the places here, one more than serve: a place that
is empty takes no connection, as a container that is gone, or not yet ready, takes none. So nginx need not be told.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backend.devtools.children import Child, free_port
from backend.devtools.nginx import servers
from backend.devtools.run import answers, sweeper
from backend.devtools.servers import ROOT
from backend.devtools.stack import Stack
from backend.ops.rollout import Failed
from backend.ops.serve import APPLICATION, CONFIGURATION
from tests.ops.processes import eventually

AWAY_SECONDS = 1  # how long nginx keeps away from a place that took no connection; production's 5 would be waiting
PLACES = {"till": 3, "office": 2}  # one more than serve
RECIPIENT = "age1nwk6ueklsyhzrme8pqpredjn9dpwy9k5zdmxaemw7plpqmk8pdwqvewlml"  # of backups that nobody need read


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
        self.places = {service: [free_port() for _ in range(places)] for service, places in PLACES.items()}
        self.fleet: dict[str, dict[str, Server]] = {"till": {}, "office": {}, "sweeper": {}}
        for service, fleet in self.fleet.items():
            while len(fleet) < self.wanted(service):
                self.start(service, first, waits=False)
            for name in fleet:
                fleet[name].child.wait_until(lambda at=(service, name): self.is_ready(*at), seconds=60)  # type: ignore[misc]
        self.configure(self.with_places())

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

    def start(self, service: str, release: str, *, waits: bool = True) -> None:
        self.started += 1
        name, port = f"{service}-{self.started}", None
        environment = {**self.stack.environment, **self.releases[release]}
        log = self.stack.directory / f"{name}.log"
        if service == "sweeper":
            child = sweeper(environment, log=log)
        else:
            taken = {server.port for server in self.fleet[service].values()}
            port = next(place for place in self.places[service] if place not in taken)
            # As the container, which listens when it is ready; the fleet of now stood before anybody came.
            program = ["backend.ops.serve"] if waits else ["gunicorn", "--config", CONFIGURATION, APPLICATION]
            command = [sys.executable, "-m", *program, "--bind", f"127.0.0.1:{port}"]
            command += ["--workers", "1", "--forwarded-allow-ips", "127.0.0.1"]
            child = Child(name, command, directory=ROOT, environment=environment, log=log)
        self.fleet[service][name] = Server(child, release, port)

    def is_ready(self, service: str, server: str) -> bool:
        found = self.fleet[service][server]
        if not found.child.runs():
            raise Failed(f"{server} ended: {found.child.last_words()}")
        return found.port is None or answers(f"http://127.0.0.1:{found.port}/readyz")

    def until_found(self, service: str) -> None:
        if service in self.places:
            time.sleep(AWAY_SECONDS + 0.5)  # nginx counts in whole seconds

    def stop(self, service: str, server: str) -> None:
        self.fleet[service][server].child.stop()  # SIGTERM, as `docker stop` sends it; nginx is not told
        del self.fleet[service][server]

    def reload_front(self) -> None:
        """No template differs between these releases; a reload would end connections that tills keep."""

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

    def with_places(self) -> str:
        """Return nginx's configuration with all places in its lists."""
        text = self.found
        for service, places in self.places.items():
            head = rf"(upstream {service} \{{\n +zone {service} \d+k;\n)"
            text, changed = re.subn(rf"{head} +server [^\n]*\n", rf"\1    {servers(places, away=AWAY_SECONDS)}\n", text)
            assert changed == 1
        return text

    def configure(self, text: str) -> None:
        """Give nginx another configuration, and return when it has begun with it."""
        self.configuration.write_text(text, encoding="utf-8")
        before = set(self.workers_of_nginx())
        os.kill(self.stack.children["nginx"].pid, signal.SIGHUP)
        assert eventually(lambda: bool(set(self.workers_of_nginx()) - before))

    def workers_of_nginx(self) -> list[str]:
        """Return its processes but the first."""
        pid = self.stack.children["nginx"].pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
