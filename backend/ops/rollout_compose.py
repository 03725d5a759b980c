"""The roll-out on docker-compose.prod.yml: deploy.sh, rollback.sh and second-server.sh of `docker/` call this.

It needs Docker with compose and a Python of the system, nothing else: no module of the product is imported. The
scripts see to it that one of them runs at a time, and on which compose files: `docker/host.sh`.
"""

import argparse
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.ops.rollout import SERVICES, Failed, deploy, roll

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ("docker", "compose")  # on the files of COMPOSE_FILE
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
        going_back: whether what is remembered came by a rollback, so that none before it is gone back to.
        found_after: how many seconds nginx may take to find a server that is ready.
    """

    def __init__(
        self, directory: Path, *, with_backup: bool, going_back: bool = False, found_after: float = FOUND_SECONDS
    ) -> None:
        self.found_after = found_after
        self.directory = directory
        self.with_backup = with_backup
        self.going_back = going_back
        self.file = directory / ".env"
        self.history = directory / ".releases"
        self.config: Mapping[str, Any] = json.loads(self._compose("config", "--format", "json"))["services"]

    def release(self) -> str:
        """Return the image that `.env` names; where it names none, the one that all servers run."""
        if not any(line.startswith("APP_IMAGE=") for line in self._settings()):
            running = self._running()
            if len(running) == 1:
                return running.pop()
        return str(self.config["till"]["image"])

    def back_up(self) -> None:
        """Run `backup_database`, which reads its work back."""
        if not self.with_backup:
            return
        if BACKUP not in self.config:
            raise Failed(f"There is no service {BACKUP} to back up with; --without-backup where you have made one.")
        command = ("python", "manage.py", "backup_database")
        self._compose("run", "--rm", "--no-deps", BACKUP, *command, release=self.release())

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

    def till_alone(self, release: str) -> None:
        """Replace the one till of a machine whose only server it is, and wait for its health; the old one if it fails.

        Its address is published, so there is no room for two: nginx asks the tills of the other machine meanwhile.
        """
        before = self.release()
        start = ("up", "--detach", "--wait", "--no-deps", "--no-build", "till")
        try:
            self._compose(*start, release=release)
        except Failed as failure:
            self._compose(*start, release=before)
            raise Failed(f"{failure} {before} serves.") from failure
        self.remember(release)

    def remember(self, release: str) -> None:
        """Write the release into `.env`, for whoever starts the stack next, and into `.releases`."""
        if self._served()[-1:] != [before := self.release()]:
            self._note(before)
        self._note(release, *(["back"] if self.going_back else []))
        kept = [line for line in self._settings() if not line.startswith("APP_IMAGE=")]
        # Beside it and then in its place: a full disk or a kill leaves the old one, never half of the new one.
        new = self.directory / ".env.new"
        new.touch(mode=0o600)
        if self.file.exists():
            owner = self.file.stat()
            new.chmod(stat.S_IMODE(owner.st_mode))
            os.chown(new, owner.st_uid, owner.st_gid)
        new.write_text("\n".join([*kept, f"APP_IMAGE={release}", ""]), encoding="utf-8")
        new.replace(self.file)

    def earlier(self) -> str:
        """Return the release to go back to; raises Failed where none is remembered.

        It is the one that served before that of now, and was left for it by a deploy: one that a rollback has left is
        no way back. Where a deploy was interrupted it is the release of now, whose schema the one before need not
        know any more; where a rollback was, the one that it was going to.
        """
        now = self.release()
        served = self._served()
        before = served[: served.index(now)] if now in served else served
        if (others := self._running() - {now}) and not others <= set(before):
            return now
        if not before:
            raise Failed("No earlier release is remembered: name one, --to IMAGE.")
        return before[-1]

    def must_have(self, image: str) -> None:
        """Raise Failed where this host has no such image."""
        if not IMAGE.match(image):
            raise Failed(f"{image!r} is no image's name.")
        self._run("docker", "image", "inspect", "--format", "{{.Id}}", image)

    def _served(self) -> list[str]:
        """Return the releases that can be gone back to, oldest first, the last one remembered at the end."""
        served: list[str] = []
        for line in self.history.read_text(encoding="utf-8").splitlines() if self.history.exists() else []:
            _at, image, *how = line.split("\t")
            if image in served:  # gone back to, so those after it are left
                del served[served.index(image) :]
            elif how == ["back"]:
                served.clear()
            served.append(image)
        return served

    def _running(self) -> set[str]:
        return {image for service in SERVICES if service in self.config for image in self.servers(service).values()}

    def _settings(self) -> list[str]:
        return self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []

    def _note(self, release: str, *how: str) -> None:
        with self.history.open("a", encoding="utf-8") as history:
            history.write("\t".join([f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", release, *how]) + "\n")

    def _compose(self, *arguments: str, release: str | None = None) -> str:
        return self._run(*COMPOSE, *arguments, release=release)

    def _run(self, *command: str, release: str | None = None) -> str:
        environment = {
            name: value for name, value in os.environ.items() if name != "APP_IMAGE"
        }  # that of `.env` counts
        if release:
            environment["APP_IMAGE"] = release
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
    second = commands.add_parser("second", help="the one till of the second machine")
    second.add_argument("image", help="an image that this host has, an earlier one too")
    for command in (forward, back):
        command.add_argument(
            "--patience", type=float, default=PATIENCE_SECONDS, help="seconds for a server to be ready"
        )
        command.add_argument(
            "--found-after", type=float, default=FOUND_SECONDS, help="seconds for nginx to find one that is ready"
        )
    options = parser.parse_args(arguments)
    try:
        if options.what == "second":
            site = Compose(ROOT, with_backup=False)
            site.must_have(options.image)
            site.till_alone(options.image)
            return 0
        forwards = options.what == "deploy"
        with_backup = forwards and not options.without_backup
        site = Compose(ROOT, with_backup=with_backup, going_back=not forwards, found_after=options.found_after)
        release = options.image if forwards else options.to or site.earlier()
        site.must_have(release)
        (deploy if forwards else roll)(site, release, patience=options.patience, say=say)
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
