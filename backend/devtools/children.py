"""Child processes of the development commands: started tethered, waited for, stopped, and their last words."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TETHER = Path(__file__).with_name("tether.py")
STOP_SECONDS = 15.0
PORTS = (20_000, 32_767)


class CannotStart(RuntimeError):
    """Something could not be started; the message is one line that says what and why."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now.

    It is below those that systems give to outgoing connections: one of them could take it before it is listened on.
    """
    while not is_free(port := random.randint(*PORTS)):  # noqa: S311 - no secret
        pass
    return port


def is_free(port: int) -> bool:
    """Tell whether this process could listen on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        if os.name != "nt":  # there the option would let two programs share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def program(name: str, *, hint: str) -> str:
    """Return where the program `name` is, beside this Python first; raises CannotStart with `hint` if nowhere."""
    beside = str(Path(sys.executable).parent)
    system = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=beside) or shutil.which(name, path=system)
    if not found:
        raise CannotStart(f"{name} is not installed: {hint}")
    return found


def writable_directory(path: Path) -> Path:
    """Return `path`, made if it was missing; raises CannotStart where nothing can be written in it."""
    probe = path / f".writable-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotStart(f"Cannot write in {path}: {error.strerror}.") from None
    return path


class Child:
    """One running child process that ends with this one.

    Args:
        name: what messages call it.
        command: the program and its arguments.
        log: the file that takes its output; its last line explains a failure. Without one it shares our output.
        environment: variables on top of our own.
        directory: its working directory.
        last: the signal that ends it where this process is killed (Linux; elsewhere SIGTERM, then by force).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        last: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        output = log.open("wb") if log else None
        # -I -S: the tether needs nothing but the standard library, and should start at once.
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(last))]
        self.process = subprocess.Popen(
            [*tether, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env={**os.environ, **(environment or {})},
            cwd=directory,
            start_new_session=True,  # Ctrl-C is for us: we stop the children in order
        )
        if output:
            output.close()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self.process.pid

    def runs(self) -> bool:
        """Tell whether it still runs."""
        return self.process.poll() is None

    def last_words(self) -> str:
        """Return the last line that it wrote to its log."""
        if not self.log:
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return once `ready()`; raises CannotStart when it ended before, or is not ready within `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.runs():
                raise CannotStart(f"{self.name} ended at once: {self.last_words() or 'it did not say why'}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.name} does not answer after {seconds:.0f} s (see {self.log}).")
            time.sleep(0.03)

    def stop(self) -> None:
        """End it: politely, and by force where that does not help in time."""
        if self.process.stdin:
            self.process.stdin.close()  # what the tether watches where there is no parent-death signal
        if self.runs() and sys.platform == "linux":
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(child: Child) -> Iterator[Child]:
    """Stop `child` at the end of the block."""
    try:
        yield child
    finally:
        child.stop()
