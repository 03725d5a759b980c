"""`python -m backend.ops.serve [gunicorn's arguments]`: gunicorn, from the moment in which this release can serve.

In containers nginx finds a new server by its name as soon as it runs. One that listens before it can answer would keep
sales waiting; one of a release that cannot reach its database would refuse them. One that does not listen is passed
over, and nobody notices.
"""

import os
import sys
import time

from django.core.exceptions import ImproperlyConfigured

CANNOT_LOAD = 4  # as backend/wsgi.py says to gunicorn: another start would not help
ASK_AGAIN_SECONDS = 0.5
SAY_AGAIN_SECONDS = 10.0
CONFIGURATION = "docker/gunicorn.conf.py"
APPLICATION = "backend.wsgi:application"


def until_ready() -> None:
    """Load the whole application, which raises where it is broken, and return when it reaches its database."""
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 - reads the settings
    from django.urls import get_resolver  # noqa: PLC0415

    get_wsgi_application()
    get_resolver().url_patterns  # noqa: B018 - loads every view
    from backend.core import health  # noqa: PLC0415

    say_at = time.monotonic()
    while health.ready().status_code != 200:
        if time.monotonic() >= say_at:
            sys.stderr.write("The database does not answer yet: nothing listens here until it does.\n")
            say_at += SAY_AGAIN_SECONDS
        time.sleep(ASK_AGAIN_SECONDS)


def main(arguments: list[str]) -> None:
    """Wait, then become gunicorn; exits with CANNOT_LOAD where the settings are wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings.prod")
    try:
        until_ready()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(CANNOT_LOAD)
    sys.stderr.flush()
    command = [sys.executable, "-m", "gunicorn", "--config", CONFIGURATION, *arguments, APPLICATION]
    os.execv(sys.executable, command)  # noqa: S606 - ourselves


if __name__ == "__main__":
    main(sys.argv[1:])
