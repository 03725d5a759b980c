"""`make stack`: the production shape on loopback, without Docker and without root.

nginx with TLS, two application servers for the tills and one for the office, the sweeper, Redis with a password,
MongoDB. Tests use `running_stack()`.
"""

import os
import secrets
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.devtools import nginx
from backend.devtools.certificates import ensure_certificates
from backend.devtools.children import CannotStart, Child, free_port, is_free, running, writable_directory
from backend.devtools.prepare import DATABASE
from backend.devtools.run import answers, print_accounts, say, sweeper, watch
from backend.devtools.servers import ROOT, mongo_server, new_password, redis_server
from backend.devtools.signals import Stopped, end_with_make, stop_on_signals

DEFAULT_PORT = 8443
WORKERS = 2  # of each server; production's four are more than a person's machine wants
# As in the compose file: two servers for the tills, one for managers, and how long one call of the database may take.
QUERY_SECONDS = {"till-1": 2, "till-2": 2, "office": 30}
SWEEP_SECONDS = 30
SERVE_SECONDS = 60.0
SECRETS = ("SECRET_KEY", "JWT_SECRET_KEY", "NONCE_SECRET_KEY")


@dataclass(frozen=True)
class Stack:
    """A running stack.

    Args:
        origin: what clients call it, `https://127.0.0.1:8443`.
        http_origin: the plain address that sends everyone to `origin`.
        ca_file: the authority that signed its certificate, PEM.
        mongo_uri: its database.
        redis_url: its Redis, with the password.
        directory: its files and logs.
        environment: what its processes run with; `manage()` uses it.
        children: its processes by name: `till-1`, `till-2`, `office`, `sweeper`, `nginx`.
        ports: where the three application servers listen on 127.0.0.1, by name.
    """

    origin: str
    http_origin: str
    ca_file: Path
    mongo_uri: str
    redis_url: str
    directory: Path
    environment: dict[str, str]
    children: Mapping[str, Child]
    ports: Mapping[str, int]

    def manage(self, *arguments: str) -> str:
        """Run a manage.py command on the stack's database and return what it prints."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@contextmanager
def running_stack(
    directory: Path, *, port: int | None = None, kind: str = "embedded", workers: int = WORKERS
) -> Iterator[Stack]:
    """Run the whole stack with demo data on the files in `directory`.

    Args:
        directory: for data, secrets, certificates and logs; found again by the next run.
        port: where HTTPS listens on 127.0.0.1; a free one without it.
        kind: which MongoDB, `embedded` or `native`.
        workers: how many of each application server.

    Raises CannotStart with one line where a part cannot run.
    """
    directory = writable_directory(directory.absolute())
    port = port or free_port()
    if not is_free(port):
        raise CannotStart(f"Port {port} is taken: stop what uses it, or take another: PORT={port + 1} make stack")
    origin = f"https://127.0.0.1:{port}"  # not localhost: there HSTS would reach every other program
    with ExitStack() as started:
        storage = directory / ("mongo" if kind == "embedded" else f"mongo-{kind}")
        mongo_uri = started.enter_context(mongo_server(storage, kind))
        redis_url = started.enter_context(redis_server(directory / "redis", new_password(), durable=True))
        environment = environment_of(
            directory, origin=origin, mongo_uri=mongo_uri, redis_url=redis_url, workers=workers
        )
        prepare(environment)
        ports = {name: free_port() for name in QUERY_SECONDS}
        children = {
            name: started.enter_context(running(app_server(name, own, directory, environment, workers=workers)))
            for name, own in ports.items()
        }
        children["sweeper"] = started.enter_context(running(sweeper_of(environment, directory)))
        for name, own in ports.items():
            children[name].wait_until(partial(answers, f"http://127.0.0.1:{own}/readyz"), seconds=SERVE_SECONDS)
        ca_file, certificate, key = ensure_certificates(directory / "tls")
        redirect_port = free_port()
        configuration = nginx.write_configuration(
            directory / "nginx",
            port=port,
            redirect_port=redirect_port,
            till_ports=[ports["till-1"], ports["till-2"]],
            office_ports=[ports["office"]],
            certificate=certificate,
            key=key,
            static=directory / "static",
            origin=origin,
        )
        front = started.enter_context(running(nginx.nginx(configuration)))
        context = ssl.create_default_context(cafile=str(ca_file))
        front.wait_until(lambda: is_ready(f"{origin}/readyz", context), seconds=SERVE_SECONDS)
        yield Stack(
            origin=origin,
            http_origin=f"http://127.0.0.1:{redirect_port}",
            ca_file=ca_file,
            mongo_uri=mongo_uri,
            redis_url=redis_url,
            directory=directory,
            environment=environment,
            children={**children, "nginx": front},
            ports=ports,
        )


def environment_of(directory: Path, *, origin: str, mongo_uri: str, redis_url: str, workers: int) -> dict[str, str]:
    """Return the environment of the stack's processes; its secrets are made once and kept in files."""
    names: dict[str, str] = {}
    (directory / "secrets").mkdir(mode=0o700, exist_ok=True)
    for name in SECRETS:
        file = directory / "secrets" / name.lower()
        if not file.is_file():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(48), encoding="ascii")
        names |= {name: "", f"{name}_FILE": str(file), f"{name}_PREVIOUS": ""}
    return names | {
        "DJANGO_SETTINGS_MODULE": "backend.devtools.stack_settings",
        "PUBLIC_ORIGIN": origin,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "TRUSTED_PROXIES": "127.0.0.1",
        "MONGO_URI": mongo_uri,
        "MONGO_DB": "userdb",
        "REDIS_URL": redis_url,
        "REDIS_CACHE_URL": "",
        "WEB_CONCURRENCY": str(workers * len(QUERY_SECONDS)),  # what throttles are divided by without Redis
        "GUNICORN_WORKERS": str(workers),
        "VAR_DIR": str(directory),
    }


def prepare(environment: dict[str, str]) -> None:
    """Bring database and static files up to date."""
    command = [sys.executable, "-m", "backend.devtools.prepare", *DATABASE, "collectstatic"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        raise CannotStart(said[-1])


def app_server(name: str, port: int, directory: Path, environment: Mapping[str, str], *, workers: int) -> Child:
    """Start one application server, by the container's own configuration; its log is a file in `directory`."""
    command = [sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--forwarded-allow-ips", "127.0.0.1", "backend.wsgi:application"]
    own = {**environment, **of_server(name)}
    return Child(name, command, directory=ROOT, environment=own, log=directory / f"{name}.log")


def of_server(name: str) -> dict[str, str]:
    """Return what the application server `name` is told on top of the environment of all, as in the compose file."""
    serves = "all" if name == "office" else "till"
    return {"MONGO_QUERY_SECONDS": str(QUERY_SECONDS[name]), "SERVES": serves}


def sweeper_of(environment: Mapping[str, str], directory: Path) -> Child:
    """Start the sweeper, with the patience that it has in production."""
    limit = {"MONGO_QUERY_SECONDS": str(SWEEP_SECONDS)}
    return sweeper({**environment, **limit}, log=directory / "sweep.log")


def is_ready(address: str, context: ssl.SSLContext) -> bool:
    """Tell whether a GET of `address` succeeds over TLS."""
    with suppress(OSError), urllib.request.urlopen(address, timeout=2, context=context) as answer:  # noqa: S310 - ours
        return bool(answer.status == 200)
    return False


def main() -> int:
    """Run the stack until asked to stop."""
    end_with_make()
    stop_on_signals()
    try:
        port = int(os.environ.get("PORT") or DEFAULT_PORT)
        directory = Path(os.environ.get("VAR_DIR") or ROOT / "var") / "stack"
        say("Starting MongoDB, Redis, tills, office and nginx ...")
        with running_stack(directory, port=port, kind=os.environ.get("MONGO_SERVER") or "embedded") as stack:
            say(f"\n  Everything       {stack.origin}   (plain HTTP: {stack.http_origin})")
            say(f"  Administration   {stack.origin}/admin/")
            say(f"  Its authority    {stack.ca_file}\n")
            print_accounts()
            say(f"\n  Data and logs are kept in {directory}. Ctrl-C stops everything.\n")
            watch(list(stack.children.values()))
    except ValueError:
        print(f"PORT is {os.environ['PORT']!r}: it must be a number from 1 to 65535.", file=sys.stderr)
        return 1
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
