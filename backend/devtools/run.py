"""`make run`: the whole system on this machine with demo data, until Ctrl-C."""

import contextlib
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from backend.devtools.children import CannotStart, Child, is_free, running, writable_directory
from backend.devtools.servers import ROOT, mongo_child, ping
from backend.devtools.signals import Stopped, end_with_make, stop_on_signals

DEFAULT_PORT = "8000"
SERVE_SECONDS = 60.0
THREADS = 8
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEMO_ACCOUNTS = (
    ("manager", "13800000001", "admin password: cinema-demo-2026"),
    ("seller", "13800000002", "desktop shell"),
    ("checker", "13800000003", "desktop shell"),
    ("supervisor", "13800000004", "desktop shell"),
    ("seller", "13800000005", "desktop shell"),
)


def main() -> int:
    """Start everything, serve until asked to stop, and stop what was started."""
    end_with_make()
    stop_on_signals()
    try:
        with ExitStack() as started:
            serve(started)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        print("Stopped.")
    return 0


def serve(started: ExitStack) -> None:
    """Start the database, prepare it, serve; returns only by an exception."""
    port = wanted_port()
    var = writable_directory(Path(os.environ.get("VAR_DIR") or ROOT / "var"))
    os.environ["VAR_DIR"] = str(var)
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings.dev"
    children = []
    if given := os.environ.get("MONGO_URI"):
        check_given_database(given)
    else:
        kind = os.environ.get("MONGO_SERVER") or "embedded"
        say("Starting the database ...")
        # The two servers' files differ: each has a directory of its own.
        storage = var / ("mongo" if kind == "embedded" else f"mongo-{kind}")
        child, uri = started.enter_context(mongo_child(storage, kind))
        children.append(child)
        os.environ["MONGO_URI"] = uri
        started.enter_context(written(var / "mongo.uri", uri))
    prepare_database()
    children.append(started.enter_context(running(sweeper())))
    children.append(started.enter_context(running(web_server(port))))
    origin = f"http://127.0.0.1:{port}"
    children[-1].wait_until(lambda: answers(f"{origin}/healthz"), seconds=SERVE_SECONDS)
    print_addresses(origin)
    watch(children)


def wanted_port() -> int:
    """Return the port to serve on; raises CannotStart where it is no port or taken."""
    given = os.environ.get("PORT") or DEFAULT_PORT
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise CannotStart(f"PORT is {given!r}: it must be a number from 1 to 65535.")
    if not is_free(int(given)):
        raise CannotStart(f"Port {given} is taken: stop what uses it, or take another: PORT={int(given) + 1} make run")
    return int(given)


def check_given_database(uri: str) -> None:
    """Raise CannotStart unless MONGO_URI names a database of this machine that answers."""
    if not is_loopback(uri):
        raise CannotStart("MONGO_URI is not on this machine: `make run` loads demo data and takes loopback only.")
    try:
        ping(uri, seconds=3)
    except PyMongoError as error:
        reason = str(error).split("\n")[0].split(",")[0]
        raise CannotStart(f"No database answers at {without_password(uri)}: {reason}") from None


def is_loopback(uri: str) -> bool:
    """Tell whether every host of a MongoDB address is this machine.

    Raises CannotStart where it is no such address.
    """
    if uri.startswith("mongodb+srv:"):  # names hosts elsewhere, by definition
        return False
    try:
        hosts = [str(host).strip("[]") for host, _port in parse_uri(uri)["nodelist"]]
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise CannotStart(f"MONGO_URI is no MongoDB address: {error}") from None
    return all(host in LOOPBACK or host.startswith("127.") or host.endswith(".sock") for host in hosts)


def without_password(uri: str) -> str:
    """Return the address as it may be shown."""
    return f"{urlsplit(uri).scheme}://{urlsplit(uri).netloc.rpartition('@')[2]}"


@contextmanager
def written(file: Path, text: str) -> Iterator[None]:
    """Keep `text` in `file` for the length of the block: other commands find the database there."""
    file.write_text(f"{text}\n", encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def prepare_database() -> None:
    """Migrate, make the indexes, and load or freshen the demo data."""
    from backend.devtools.prepare import DATABASE, prepare  # noqa: PLC0415 - Django reads the address set above

    say("Preparing the database ...")
    prepare(*DATABASE)


def sweeper(environment: Mapping[str, str] | None = None, *, log: Path | None = None) -> Child:
    """Start the command that ends lapsed holds."""
    command = [sys.executable, str(ROOT / "manage.py"), "sweep"]
    return Child("The sweeper", command, directory=ROOT, environment=environment, log=log)


def web_server(port: int) -> Child:
    """Start the one server process: without Redis, what it keeps in memory cannot be shared with a second."""
    if os.name == "nt":  # gunicorn is for Unix
        command = [sys.executable, str(ROOT / "manage.py"), "runserver", f"127.0.0.1:{port}", "--noreload"]
    else:
        command = [sys.executable, "-m", "gunicorn", "backend.wsgi:application", "--bind", f"127.0.0.1:{port}"]
        command += ["--workers", "1", "--threads", str(THREADS), "--timeout", "120", "--log-level", "warning"]
    return Child("The server", command, directory=ROOT)


def answers(address: str) -> bool:
    """Tell whether a GET of `address` succeeds."""
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - our own
        return bool(answer.status == 200)
    return False


def watch(children: list[Child]) -> None:
    """Watch until a child ends by itself, which is a failure: raises CannotStart naming it."""
    while True:
        for child in children:
            if not child.runs():
                raise CannotStart(f"{child.name} has ended. {child.last_words()}".strip())
        time.sleep(0.5)


def print_addresses(origin: str) -> None:
    """Tell where everything is, and who can log in."""
    say(f"\n  Ticket screens   {shell_command(origin)}   (in a second terminal)")
    say(f"  Administration   {origin}/admin/")
    say(f"  API              {origin}/api/docs/\n")
    print_accounts()
    say(f"\n  Data is kept in {os.environ['VAR_DIR']}. Ctrl-C stops everything.\n")


def shell_command(origin: str) -> str:
    """Return what starts the desktop shell against `origin`; it looks at port 8000 by itself."""
    return "make shell" if origin == f"http://127.0.0.1:{DEFAULT_PORT}" else f"SHELL_API_BASE_URL={origin} make shell"


def print_accounts() -> None:
    """Tell who can log in."""
    for role, phone, note in DEMO_ACCOUNTS:
        say(f"  {role:<16} {phone}   {note}")


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
