"""`make test`: install what the tests need, then run every test, on as many processes as there are cores."""

import os
import subprocess
import sys

from backend.devtools import debian
from backend.devtools.children import CannotStart
from backend.devtools.servers import ROOT

MOST_PROCESSES = 4  # each has a MongoDB and a Redis of its own


def main(arguments: list[str]) -> int:
    """Run pytest with `arguments`, or on everything."""
    try:
        debian.install_what_is_missing()
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("DJANGO_SETTINGS_MODULE", "MONGO_URI", "REDIS_URL"):
        os.environ.pop(name, None)  # the tests start their own servers
    return subprocess.call([sys.executable, "-m", "pytest", *(arguments or whole_suite())], cwd=ROOT)


def whole_suite() -> list[str]:
    """Return pytest's arguments for every test: a file stays in one process, and files start in the suite's order."""
    processes = min(os.cpu_count() or 1, MOST_PROCESSES)
    return [
        *("-p", "backend.devtools.no_skips"),
        *("--numprocesses", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
