"""A new release, one server after another, while sales go on: the order of steps, whatever the servers are.

A server of the new release is started beside the others and asked whether it is ready before one of the old is
stopped, so as many serve as before, all the time. Both releases run on the same database meanwhile, which is why a
schema only grows in one release and shrinks in a later one: docs/guides/deploy.en.md. Nothing here needs more than
Python itself.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

SERVICES = ("till", "office", "sweeper")
ASK_AGAIN_SECONDS = 0.5


class Failed(Exception):
    """A step failed. The message is one line that says which, and what serves now."""


class Site(Protocol):
    """The place where the servers run. A step that cannot be done raises Failed."""

    def release(self) -> str:
        """Return the release that was last rolled out completely."""

    def back_up(self) -> None:
        """Take a backup and read it back."""

    def migrate(self, release: str) -> None:
        """Bring the database to this release's schema, by its own migration job."""

    def publish_static(self, release: str) -> None:
        """Add this release's static files to those that are served."""

    def wanted(self, service: str) -> int:
        """Return how many servers of `service` there should be."""

    def servers(self, service: str) -> Mapping[str, str]:
        """Return the release of each server of `service`, by the server's name, oldest first."""

    def start(self, service: str, release: str) -> None:
        """Start one more server of `service`."""

    def is_ready(self, service: str, server: str) -> bool:
        """Tell whether the server takes work, its database included."""

    def until_found(self, service: str) -> None:
        """Return when the front door sends work to servers of `service` that are ready by now.

        It keeps away for a while from one that took no connection, as one that starts does not.
        """

    def stop(self, service: str, server: str) -> None:
        """Stop a server: it takes nothing new, and finishes what it has begun."""

    def reload_front(self) -> None:
        """Have the front door read its configuration again."""

    def follow(self, release: str) -> None:
        """Bring what serves nobody, like the backups, to the release: nobody waits for it."""

    def remember(self, release: str) -> None:
        """Keep this release as the one that was last rolled out completely."""


def deploy(site: Site, release: str, *, patience: float, say: Callable[[str], None]) -> None:
    """Bring `release` into service: backup, migrations, static files, then its servers.

    Args:
        site: where.
        release: what, an image's name.
        patience: for how many seconds a new server may not be ready.
        say: is told each step.

    Raises Failed. What failed before the first server was started has changed nothing that the release of now
    minds; where a new server does not become ready, all go back to the release of now.
    """
    say("backup")
    site.back_up()
    say(f"migrations of {release}")
    site.migrate(release)
    say(f"static files of {release}")
    site.publish_static(release)
    roll(site, release, patience=patience, say=say)


def roll(site: Site, release: str, *, patience: float, say: Callable[[str], None]) -> None:
    """Replace the servers of all services by those of `release`, which may be an older one; deploy() says the rest.

    The database stays as it is: each release works with the schema of the next. One that was interrupted may be
    started again.
    """
    before = site.release()
    try:
        for service in SERVICES:
            replace(site, service, release, patience=patience, say=say)
    except Failed as failure:
        if before == release:
            raise
        say(f"{failure} Back to {before}.")
        try:
            for service in SERVICES:
                replace(site, service, before, patience=patience, say=say)
        except Failed as worse:
            raise Failed(f"{failure} Going back failed too: {worse} Both releases may serve now.") from failure
        raise Failed(f"{failure} {before} serves.") from failure
    site.reload_front()
    site.remember(release)
    site.follow(release)
    say(f"{release} serves")


def replace(site: Site, service: str, release: str, *, patience: float, say: Callable[[str], None]) -> None:
    """Replace the servers of one service, one at a time; raises Failed, with the unready one stopped again."""
    while old := [server for server, other in site.servers(service).items() if other != release]:
        if len(site.servers(service)) <= site.wanted(service):  # else an interrupted run left one more
            say(f"{service}: one more, of {release}")
            site.start(service, release)
        for server, its_release in site.servers(service).items():
            if its_release == release:
                until_ready(site, service, server, patience=patience)
        site.until_found(service)
        say(f"{service}: {old[0]} goes")
        site.stop(service, old[0])


def until_ready(site: Site, service: str, server: str, *, patience: float) -> None:
    """Return once `server` is ready; stop it and raise Failed where it is not within `patience` seconds."""
    give_up = time.monotonic() + patience
    while not site.is_ready(service, server):
        if time.monotonic() > give_up:
            site.stop(service, server)
            raise Failed(f"{service}: {server} was not ready after {patience:.0f} s.")
        time.sleep(ASK_AGAIN_SECONDS)
