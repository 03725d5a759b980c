"""Set the stage: one MongoDB, one Redis, our server in its production settings and the plain one beside it."""

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backend.devtools import native
from backend.devtools.children import CannotStart
from backend.devtools.servers import NATIVE_SERVER, mongo_server, redis_server
from tests.bench.tills import BenchTill, Server
from tests.support.workers import gunicorn

WORKERS = 4
DATABASE = "bench_userdb"
PUBLIC_ORIGIN = "https://bench.localhost"
# nginx would say so: the settings of production demand HTTPS.
BEHIND_NGINX = ("X-Forwarded-Proto: https",)


@dataclass(frozen=True)
class Stage:
    """Both servers over one database, and where they are."""

    ours: Server
    plain: Server
    mongo_uri: str
    database_server: str

    def tills(self, first: int, count: int) -> list[BenchTill]:
        """Return `count` tills of accounts that are bound to them."""
        return [BenchTill(phone_of(number), self.ours) for number in range(first, first + count)]


def phone_of(number: int) -> str:
    """Return the phone of the account with this number."""
    return f"137{number:08}"


@contextmanager
def stage() -> Iterator[Stage]:
    """Start everything on an empty database and stop it afterwards."""
    with ExitStack() as running:
        directory = Path(
            running.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True))
        )
        kind = best_server()
        mongo = running.enter_context(mongo_server(directory / "mongo", kind))
        redis = running.enter_context(redis_server(directory / "redis"))
        (directory / "var" / "static").mkdir(parents=True)
        environment = {
            "DJANGO_SETTINGS_MODULE": "backend.settings.prod",
            "MONGO_URI": mongo,
            "MONGO_DB": DATABASE,
            "REDIS_URL": redis,
            "PUBLIC_ORIGIN": PUBLIC_ORIGIN,
            "VAR_DIR": str(directory / "var"),
            "LOG_LEVEL": "WARNING",
            **{name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "JWT_SECRET_KEY", "NONCE_SECRET_KEY")},
            **{name: secrets.token_urlsafe(48) for name in ("TICKET_SECRET_KEY",)},
        }
        os.environ.update(environment)
        prepare_database()
        origins = [
            running.enter_context(gunicorn(workers=WORKERS, environment=environment, application=application))
            for application in ("backend.wsgi:application", "tests.bench.flask_app:application")
        ]
        ours, plain = (int(urlsplit(origin).port or 0) for origin in origins)
        yield Stage(
            ours=Server(ours, PUBLIC_ORIGIN, BEHIND_NGINX),
            plain=Server(plain, PUBLIC_ORIGIN),
            mongo_uri=mongo,
            database_server=f"{kind} {version_of(kind)}",
        )


def best_server() -> str:
    """Return the native server's kind, built first where cargo is, else the embedded one's."""
    try:
        native.build()
    except CannotStart as missing:
        print(f"On the embedded MongoDB: {missing}", flush=True)
        return "embedded"
    return "native"


def version_of(kind: str) -> str:
    """Return name and version of the database server."""
    if kind == "native":
        said = subprocess.run([NATIVE_SERVER, "--version"], capture_output=True, text=True, check=False, timeout=10)
        return (said.stdout.strip() or NATIVE_SERVER.name).splitlines()[0]
    from importlib.metadata import version  # noqa: PLC0415 - only where it is installed

    return f"secantusdb {version('secantusdb')}"


def prepare_database() -> None:
    """Migrate and make the indexes, as a deployment does."""
    import django  # noqa: PLC0415 - the settings are named by now
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("create_indexes", verbosity=0)


def seed_accounts(stage: Stage, count: int) -> None:
    """Store `count` sellers, each bound to the till of its phone."""
    from backend.core import clock  # noqa: PLC0415 - Django is set up by now
    from backend.core.mongo import collection  # noqa: PLC0415
    from tests.factories import make_staff  # noqa: PLC0415

    at = clock.now()
    template: dict[str, Any] | None = None
    documents = []
    for till in stage.tills(0, count):
        if template is None:
            make_staff(phone=till.phone)
            template = collection("users").find_one_and_delete({"phone": till.phone})
            assert template is not None
        document = {key: value for key, value in template.items() if key != "_id"}
        device = {
            "machineCode": till.machine_code,
            "keyThumbprint": till.thumbprint,
            "name": "TILL",
            "os": "Windows 10",
            "clientVersion": "1.0.0",
            "boundAt": at,
            "lastLoginTime": at,
        }
        documents.append({**document, "phone": till.phone, "name": till.phone, "device": device})
    collection("users").insert_many(documents)
