"""The installer for Windows: `installer.nsi`, compiled by NSIS on Windows or Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from shell_client.packaging.bundle import program_of
from shell_client.packaging.release import APP_NAME, FILE_STEM, CannotPackage, Release

SCRIPT = Path(__file__).with_name("installer.nsi")
ICON = Path(__file__).with_name("icon.ico")

_TAIL = 10


def find_compiler() -> str | None:
    """Return NSIS' compiler: from the path, or where its own installer puts it on Windows."""
    places = [Path(os.environ[name], "NSIS") for name in ("ProgramFiles(x86)", "ProgramFiles") if name in os.environ]
    return shutil.which("makensis") or next(
        (found for place in places if (found := shutil.which("makensis", path=str(place)))), None
    )


def make_installer(release: Release, bundle: Path, *, config: Path, target: Path) -> None:
    """Compile the installer of `bundle` into `target`; `config` is what a new machine's settings begin with.

    Raises CannotPackage without NSIS, and for a warning as for an error.
    """
    compiler = find_compiler()
    if compiler is None:
        raise CannotPackage("no makensis: install NSIS 3 (Windows: choco install nsis; Debian: apt-get install nsis)")
    program_of(bundle)
    bytes_installed = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    defined = {
        "VERSION": release.version,
        "APP_NAME": APP_NAME,
        "STEM": FILE_STEM,
        "BUNDLE": str(bundle.resolve()),
        "CONFIG": str(config.resolve()),
        "ICON": str(ICON),
        "SIZE_KB": str(bytes_installed // 1024),
        "OUTPUT": str(target.resolve()),
    }
    options = [f"-D{name}={value}" for name, value in defined.items()]
    command = [compiler, "-V2", "-WX", "-INPUTCHARSET", "UTF8", *options, str(SCRIPT)]
    told = {**os.environ, "SOURCE_DATE_EPOCH": str(int(release.moment.timestamp()))}
    if os.name != "nt":
        told["LC_ALL"] = "C.UTF-8"  # what is defined on the command line is read in the locale's letters
    made = subprocess.run(
        command,
        env=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if made.returncode or not target.is_file():
        target.unlink(missing_ok=True)
        raise CannotPackage("makensis failed:\n" + "\n".join(made.stdout.splitlines()[-_TAIL:]))
