"""`make test`: install what the tests need, then run every test."""

import os
import subprocess
import sys

from backend.devtools import debian
from backend.devtools.children import CannotStart
from backend.devtools.servers import ROOT


def main(arguments: list[str]) -> int:
    """Run pytest with `arguments`, or on everything."""
    try:
        debian.install_what_is_missing()
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("DJANGO_SETTINGS_MODULE", "MONGO_URI", "REDIS_URL"):
        os.environ.pop(name, None)  # the tests start their own servers
    no_skips = [] if arguments else ["-p", "backend.devtools.no_skips"]
    return subprocess.call([sys.executable, "-m", "pytest", *no_skips, *arguments], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
