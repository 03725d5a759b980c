"""Debian packages that the tests need: installed when root, named when not."""

import os
import shutil
import subprocess
from pathlib import Path

from backend.devtools.children import CannotStart
from backend.devtools.servers import ROOT

LIST = ROOT / "requirements" / "debian-test.txt"


def wanted_packages(file: Path = LIST) -> list[str]:
    """Return the packages that the list names."""
    lines = [line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line]


def missing_packages(wanted: list[str]) -> list[str]:
    """Return those of `wanted` that are not installed, nor provided by an installed package."""
    asked = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}, ${Provides}\n"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    names = ",".join(line.partition("\t")[2] for line in lines if line.startswith("ii"))
    have = {name.split("(")[0].strip() for name in names.split(",")}
    return [name for name in wanted if name not in have]


def install_what_is_missing() -> None:
    """Install what is missing on Debian when root; elsewhere only say what the tests will miss."""
    if not shutil.which("dpkg-query"):
        print("Not a Debian: the tests need redis-server, nginx, chromium and, for the shell, Xvfb.", flush=True)
        return
    missing = missing_packages(wanted_packages())
    if not missing:
        return
    if os.geteuid() != 0:
        print(f"The tests need packages: sudo apt-get install {' '.join(missing)}", flush=True)
        return
    print(f"Installing {len(missing)} Debian packages: {' '.join(missing)}", flush=True)
    quiet = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=3"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*quiet, "update"], [*quiet, "install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, check=False
        )
        if done.returncode:
            raise CannotStart(f"{' '.join(command[:1])} failed: install them by hand: {' '.join(missing)}")
