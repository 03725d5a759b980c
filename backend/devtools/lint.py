"""`make lint`: everything that can be checked without running a test."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backend.devtools.children import CannotStart
from backend.devtools.servers import ROOT, mongo_server

PYTHON = (sys.executable, "-m")
CHECKS = {
    "lint": (*PYTHON, "ruff", "check", "."),
    "format": (*PYTHON, "ruff", "format", "--check", "."),
    "layers": (str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"),
    "types": (*PYTHON, "mypy"),
    "templates": (*PYTHON, "djlint", "backend", "--lint", "--quiet"),
    "translations": (*PYTHON, "backend.devtools.translations"),
    # The rules of the production stack; the tests name their settings themselves.
    "stack": (
        "env",
        "-u",
        "DJANGO_SETTINGS_MODULE",
        *PYTHON,
        "pytest",
        "-q",
        "tests/ops/test_compose.py",
        "tests/ops/test_watching.py",
    ),
    "dockerfiles": (*PYTHON, "backend.devtools.dockerfiles"),
    "nginx": (*PYTHON, "backend.devtools.nginx"),
    "watching": (*PYTHON, "backend.devtools.watching"),
    "migrations": (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"),
}


def main(arguments: list[str]) -> int:
    """Run the checks that `arguments` name, or all; 1 when one failed."""
    wanted = arguments or list(CHECKS)
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings.test"
    try:
        with tempfile.TemporaryDirectory(prefix="lint-") as directory, mongo_server(Path(directory) / "mongo") as uri:
            os.environ["MONGO_URI"] = uri  # the migrations check and the type checker load the settings
            failed = [name for name in wanted if not passes(name)]
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Failed: {', '.join(failed)}" if failed else "All clean.")
    return bool(failed)


def passes(name: str) -> bool:
    """Run one check, showing what it says only when it fails."""
    began = time.monotonic()
    done = subprocess.run(
        CHECKS[name],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    clean = done.returncode == 0
    print(f"{name:<13} {'ok' if clean else 'FAILED'}   {time.monotonic() - began:.1f} s", flush=True)
    if not clean:
        print(done.stdout, flush=True)
    return clean


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
