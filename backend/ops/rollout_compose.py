"""The roll-out on docker-compose.prod.yml: `docker/deploy.sh` and `docker/rollback.sh` call this on the host.

It needs Docker with compose and a Python of the system, nothing else: no module of the product is imported.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.ops.rollout import Failed, deploy, roll

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ("docker", "compose", "-f", "docker-compose.prod.yml")
IMAGE = re.compile(r"^[a-z0-9][a-z0-9._/:@-]*$")
READY = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"
BACKUP = "backup"  # the service of the backups
FOLLOWING = (BACKUP, "offsite")  # serve nobody
FACING = ("till", "office")  # whom nginx asks
# nginx looks for addresses every 5 s, and keeps away for 5 s from one that took no connection (TILL_SERVERS).
FOUND_SECONDS = 6.0
STOP_SECONDS = 45  # gunicorn gives its requests 30
PATIENCE_SECONDS = 180.0


class Compose:
    """The containers of one host.

    Args:
        directory: of the compose file; `.env` names the release, `.releases` remembers those before it.
        with_backup: whether `back_up` makes one; not where one was made by other means.
        found_after: how many seconds nginx may take to find a server that is ready.
    """

    def __init__(self, directory: Path, *, with_backup: bool, found_after: float = FOUND_SECONDS) -> None:
        self.found_after = found_after
        self.directory = directory
        self.with_backup = with_backup
        self.history = directory / ".releases"
        self.config: Mapping[str, Any] = json.loads(self._compose("config", "--format", "json"))["services"]

    def release(self) -> str:
        """Return the image that `.env` names."""
        return str(self.config["till"]["image"])

    def back_up(self) -> None:
        """Run `backup_database`, which reads its work back."""
        if not self.with_backup:
            return
        if BACKUP not in self.config:
            raise Failed(f"There is no service {BACKUP} to back up with; --without-backup where you have made one.")
        self._compose("run", "--rm", "--no-deps", BACKUP, "python", "manage.py", "backup_database")

    def migrate(self, release: str) -> None:
        """Run the job that gives the database's users their rights on new collections, then the migrations."""
        self._compose("run", "--rm", "--no-deps", "mongo-init", release=release)
        self._compose("run", "--rm", "--no-deps", "migrate", release=release)

    def publish_static(self, release: str) -> None:
        """Run the job that copies them."""
        self._compose("run", "--rm", "--no-deps", "static", release=release)

    def wanted(self, service: str) -> int:
        """Return the replicas that the file names."""
        return int(self.config[service].get("deploy", {}).get("replicas", 1))

    def servers(self, service: str) -> Mapping[str, str]:
        """Return the images of the service's containers by their ids, oldest first."""
        ids = self._compose("ps", "--all", "--quiet", service).split()
        if not ids:
            return {}
        told = self._run("docker", "inspect", "--format", "{{.Created}} {{.Id}} {{.Config.Image}}", *ids)
        rows = sorted(line.split() for line in told.splitlines())
        return {container[:12]: image for _created, container, image in rows}

    def start(self, service: str, release: str) -> None:
        """Start one more container beside those that run."""
        scale = f"{service}={len(self.servers(service)) + 1}"
        options = ("--detach", "--no-deps", "--no-build", "--no-recreate", "--scale", scale)
        self._compose("up", *options, service, release=release)

    def is_ready(self, service: str, server: str) -> bool:
        """Ask its health, and of a web server what it says of its database and Redis."""
        told = self._run("docker", "inspect", "--format", "{{if .State.Health}}{{.State.Health.Status}}{{end}}", server)
        if told.strip() != "healthy":
            return False
        if service == "sweeper":
            return True
        try:
            self._run("docker", "exec", server, "python", "-c", READY)
        except Failed:
            return False
        return True

    def until_found(self, service: str) -> None:
        """Wait as long as nginx may take, where it asks this service at all."""
        if service in FACING:
            time.sleep(self.found_after)

    def stop(self, service: str, server: str) -> None:
        """Stop the container when its requests are answered. nginx asks the others where it takes no connection."""
        self._run("docker", "stop", "--time", str(STOP_SECONDS), server)
        self._run("docker", "rm", server)

    def reload_front(self) -> None:
        """Test and reload nginx's configuration."""
        nginx = ("exec", "-T", "nginx", "nginx", "-c", "/run/nginx/nginx.conf", "-e", "/dev/stderr")
        self._compose(*nginx, "-t", "-q")
        self._compose(*nginx, "-s", "reload")

    def follow(self, release: str) -> None:
        """Start the backup scheduler and who sends backups off-site anew."""
        if following := [service for service in FOLLOWING if service in self.config]:
            self._compose("up", "--detach", "--no-deps", "--no-build", *following, release=release)

    def remember(self, release: str) -> None:
        """Write the release into `.env`, for whoever starts the stack next, and into `.releases`."""
        if not self.history.exists():
            self._note(self.release())
        self._note(release)
        file = self.directory / ".env"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        kept = [line for line in lines if not line.startswith("APP_IMAGE=")]
        file.write_text("\n".join([*kept, f"APP_IMAGE={release}", ""]), encoding="utf-8")

    def earlier(self) -> str:
        """Return the release before that of now; raises Failed where none is remembered."""
        lines = self.history.read_text(encoding="utf-8").splitlines() if self.history.exists() else []
        others = [image for _at, _tab, image in (line.partition("\t") for line in lines) if image != self.release()]
        if not others:
            raise Failed("No earlier release is remembered: name one, --to IMAGE.")
        return others[-1]

    def must_have(self, image: str) -> None:
        """Raise Failed where this host has no such image."""
        if not IMAGE.match(image):
            raise Failed(f"{image!r} is no image's name.")
        self._run("docker", "image", "inspect", "--format", "{{.Id}}", image)

    def _note(self, release: str) -> None:
        with self.history.open("a", encoding="utf-8") as history:
            history.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\t{release}\n")

    def _compose(self, *arguments: str, release: str | None = None) -> str:
        return self._run(*COMPOSE, *arguments, release=release)

    def _run(self, *command: str, release: str | None = None) -> str:
        environment = {**os.environ, **({"APP_IMAGE": release} if release else {})}
        done = subprocess.run(command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr + done.stdout).strip().splitlines() or ["it did not say why"]
            raise Failed(f"{' '.join(command[:8])} ... failed: {said[-1]}")
        return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Deploy or roll back, and say each step."""
    parser = argparse.ArgumentParser(prog="docker/", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    forward = commands.add_parser("deploy", help="backup, migrations, static files, then one server after another")
    forward.add_argument("image", help="an image that this host has, cinema-app:2")
    forward.add_argument("--without-backup", action="store_true", help="you have made one by other means")
    back = commands.add_parser("rollback", help="the servers of an earlier release; the database stays as it is")
    back.add_argument("--to", metavar="IMAGE", help="the release; without it the one before")
    for command in (forward, back):
        command.add_argument(
            "--patience", type=float, default=PATIENCE_SECONDS, help="seconds for a server to be ready"
        )
        command.add_argument(
            "--found-after", type=float, default=FOUND_SECONDS, help="seconds for nginx to find one that is ready"
        )
    options = parser.parse_args(arguments)
    try:
        with_backup = options.what == "deploy" and not options.without_backup
        site = Compose(ROOT, with_backup=with_backup, found_after=options.found_after)
        release = options.image if options.what == "deploy" else options.to or site.earlier()
        site.must_have(release)
        (deploy if options.what == "deploy" else roll)(site, release, patience=options.patience, say=say)
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def say(step: str) -> None:
    """Print a step with its time."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {step}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
