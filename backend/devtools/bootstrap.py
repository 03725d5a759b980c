"""Prepare `.venv` with the locked requirements, then run one of the development commands in it.

The standard library alone, and old syntax: what runs it may be any Python, which deserves a clear answer.
`python -m backend.devtools.bootstrap run` does the same as `make run`, where there is no make.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OLDEST, NEWEST = (3, 11), (3, 13)
# task: (the locked requirements that it needs, the module that does it)
TASKS = {
    "run": ("run", "backend.devtools.run"),
    "stack": ("run", "backend.devtools.stack"),
    "mongo-native": ("run", "backend.devtools.native"),
    "test": ("dev", "backend.devtools.test"),
    "lint": ("dev", "backend.devtools.lint"),
    "shell": ("dev", "shell_client"),
    "package": ("package", "shell_client.packaging"),
    "bench": ("dev", "tests.bench"),
}
# whoever has the first has the others too
INCLUDES = {"dev": ("dev", "run", "package"), "run": ("run",), "package": ("package",)}
NO_NETWORK = re.compile(
    r"name resolution|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|No route to host"
    r"|Network is unreachable|Connection refused|Failed to establish|getaddrinfo",
    re.IGNORECASE,
)
STARTED = re.compile(r"^\s*(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")


class CannotPrepare(Exception):
    """The environment cannot be prepared; the message is one line that says what to do."""


def check_python() -> None:
    """Raise CannotPrepare unless this Python can do the work."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        found = ".".join(map(str, version))
        raise CannotPrepare(f"Python 3.11, 3.12 or 3.13 is needed; this is {found} ({sys.executable}).")
    try:
        import ensurepip  # noqa: PLC0415 - Debian splits both off
        import venv  # noqa: PLC0415
    except ImportError:
        name = f"python3.{version[1]}-venv"
        raise CannotPrepare(f"This Python cannot make environments: apt-get install {name} (Debian, Ubuntu).") from None
    del ensurepip, venv


def venv_python() -> Path:
    """Return the environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(python: Path) -> bool:
    """Tell whether the environment's interpreter still runs: the Python below it may have been removed."""
    try:
        asked = [str(python), "-c", "import sys; print(sys.version_info[:2] >= (3, 11))"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "True"
    except OSError:
        return False


def make_venv() -> None:
    """Make `.venv` anew."""
    print("Making .venv ...", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        said = (made.stderr + made.stdout).strip().splitlines() or ["no reason given"]
        raise CannotPrepare(f"Cannot make {VENV}: {said[-1].strip()}")


def lock_of(name: str) -> Path:
    """Return the locked requirements called `name`."""
    return ROOT / "requirements" / f"{name}.txt"


def stamp_of(name: str) -> Path:
    """Return the file that says which lock is installed."""
    return VENV / f".installed-{name}"


def digest(name: str) -> str:
    """Return what the stamp must say."""
    return hashlib.sha256(lock_of(name).read_bytes()).hexdigest()


def is_installed(name: str) -> bool:
    """Tell whether exactly this lock is installed."""
    try:
        return stamp_of(name).read_text(encoding="ascii") == digest(name)
    except OSError:
        return False


def install(name: str) -> None:
    """Install the locked requirements, showing how far it is."""
    total = len(re.findall(r"^[A-Za-z0-9].*==", lock_of(name).read_text(encoding="utf-8"), re.MULTILINE))
    print(f"Installing up to {total} packages from requirements/{name}.txt ...", flush=True)
    # The lock names everything, so nothing is resolved: --no-deps.
    command = [str(venv_python()), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command += ["--retries", "2", "--progress-bar", "off", "--no-deps", "--require-hashes", "-r", str(lock_of(name))]
    pip = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    said = []
    started = 0
    assert pip.stdout
    for line in pip.stdout:
        said.append(line.rstrip())
        match = STARTED.match(line)
        if match:
            started += 1
            show_progress(f"{started:4} of {total}  {match.group(1)}", whole=started % 20 == 0)
        elif line.startswith("Installing collected"):
            show_progress("Unpacking them ...", whole=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if pip.wait():
        raise CannotPrepare(reason_of(said))
    for included in INCLUDES[name]:
        stamp_of(included).write_text(digest(included), encoding="ascii")


def show_progress(text: str, *, whole: bool) -> None:
    """Show `text` in place on a terminal; elsewhere only now and then, as a `whole` line."""
    if sys.stdout.isatty():
        print(f"\r\033[K  {text}", end="", flush=True)
    elif whole:
        print(f"  {text}", flush=True)


def reason_of(said: list[str]) -> str:
    """Return one line that says why pip failed."""
    if any(NO_NETWORK.search(line) for line in said):
        return "Cannot reach the package index: check the network, or name a mirror with PIP_INDEX_URL."
    errors = [line for line in said if line.startswith("ERROR:")] or said[-1:]
    return f"pip failed: {errors[0] if errors else 'it did not say why'}"


def prepare(requirements: str) -> None:
    """Make the environment ready; quick where nothing changed since the last time."""
    if not works(venv_python()):
        make_venv()
    if not is_installed(requirements):
        began = time.monotonic()
        install(requirements)
        print(f"Ready after {time.monotonic() - began:.0f} s.", flush=True)


def run(module: str, arguments: list[str]) -> int:
    """Run `module` in the environment, in this very process where the system can do that."""
    command = [str(venv_python()), "-m", module, *arguments]
    os.chdir(ROOT)
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - our own command
    return subprocess.call(command)


def main(arguments: list[str]) -> int:
    """Do the task that the first argument names."""
    if not arguments or arguments[0] not in TASKS:
        print(f"Which one? {', '.join(TASKS)}", file=sys.stderr)
        return 2
    requirements, module = TASKS[arguments[0]]
    try:
        check_python()
        prepare(requirements)
    except CannotPrepare as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot prepare {VENV}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return run(module, arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
