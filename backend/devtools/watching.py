"""Check what watches: promtool reads Prometheus's files and plays the alerts' cases, amtool reads Alertmanager's."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.devtools.children import CannotStart, program
from backend.devtools.servers import ROOT

PROMETHEUS = ROOT / "docker" / "prometheus"
ALERTMANAGER = ROOT / "docker" / "alertmanager" / "alertmanager.yml"
# Which labels are told to whom.
ROUTES = {
    ("alertname=RedisDown", "severity=critical"): "people",
    ("alertname=TillsSlow", "severity=warning"): "people",
    ("alertname=Watchdog", "severity=none"): "heartbeat",
}
KNOWS_URL_FILE = (0, 26)
URL_FILE = re.compile(r"\burl_file: (\S+)")


def main() -> int:
    """Check everything; 1 and what the tools say where something is wrong."""
    promtool = program("promtool", hint="Debian: apt-get install prometheus")
    amtool = program("amtool", hint="Debian: apt-get install prometheus-alertmanager")
    rules = sorted(map(str, (PROMETHEUS / "rules").glob("*.yml")))
    cases = sorted(map(str, (PROMETHEUS / "tests").glob("*.yml")))
    with tempfile.TemporaryDirectory(prefix="alertmanager-") as directory:
        config = Path(directory) / ALERTMANAGER.name
        config.write_text(as_known(ALERTMANAGER.read_text(encoding="utf-8"), version_of(amtool)), encoding="utf-8")
        routed = [
            [amtool, "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels]
            for labels, receiver in ROUTES.items()
        ]
        checks = [
            # The paths in it are the container's.
            [promtool, "check", "config", "--syntax-only", str(PROMETHEUS / "prometheus.yml")],
            [promtool, "check", "rules", *rules],
            [promtool, "test", "rules", *cases],
            [amtool, "check-config", str(config)],
            *routed,
        ]
        passed = [passes(check) for check in checks]
    return 0 if all(passed) else 1


def passes(check: list[str]) -> bool:
    """Run one tool, showing what it says only where it finds a fault."""
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        print(*check[:3], done.stdout, done.stderr, sep="\n", file=sys.stderr)
    return done.returncode == 0


def version_of(amtool: str) -> tuple[int, int]:
    """Return which version of amtool this is, `(0, 25)`."""
    said = subprocess.run([amtool, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)\.(\d+)", said.stdout + said.stderr)
    if found is None:
        raise CannotStart(f"{amtool} does not say its version.")
    return int(found[1]), int(found[2])


def as_known(text: str, version: tuple[int, int]) -> str:
    """Return Alertmanager's configuration in words that this version knows.

    Before 0.26, which Debian 12 has, `url_file` was unknown and the address stood in the file: for it alone an address
    is put in its place, and all the rest is judged as it stands. It must be a path, which is what newer ones ask of it.
    """
    if version >= KNOWS_URL_FILE:
        return text
    for path in URL_FILE.findall(text):
        if not path.startswith("/"):
            raise CannotStart(f"url_file: {path} is no absolute path.")
    return URL_FILE.sub('url: "https://address-of-the-file.invalid/"', text)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotStart as error:
        print(error, file=sys.stderr)
        sys.exit(1)
