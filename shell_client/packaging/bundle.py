"""The bundle: the program with Python and Qt in one folder, made by PyInstaller for the system it runs on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from shell_client.build import FILE_NAME as BUILD_FILE
from shell_client.packaging.release import FILE_STEM, CannotPackage, Release
from shell_client.packaging.windows import version_resource

SPEC = Path(__file__).with_name("till.spec")
ROOT = Path(__file__).resolve().parents[2]
_TAIL = 15


@dataclass(frozen=True)
class Size:
    """How large a bundle is: whole megabytes (10⁶ bytes) and files, each counted once, links not at all."""

    megabytes: int
    files: int


def make_bundle(release: Release, *, work: Path) -> Path:
    """Return the folder of the finished program; `work` is the builder's own and kept for the next time.

    Raises CannotPackage with the builder's last words.
    """
    work.mkdir(parents=True, exist_ok=True)
    bundle = work / "bundle" / FILE_STEM
    shutil.rmtree(bundle, ignore_errors=True)
    (work / BUILD_FILE).write_text(json.dumps(asdict(release.build), indent=2) + "\n", "utf-8")
    (work / "version.txt").write_text(version_resource(release), "utf-8")
    told = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",  # sets in compiled modules come in one order
        "SOURCE_DATE_EPOCH": str(int(release.moment.timestamp())),  # the time in a Windows program's head
        "PYINSTALLER_CONFIG_DIR": str(work / "cache"),
        "SHELL_PACKAGE_WORK": str(work),
        "SHELL_PACKAGE_NAME": FILE_STEM,
    }
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--workpath", str(work / "pyinstaller"), "--distpath", str(bundle.parent), str(SPEC)]
    made = subprocess.run(
        command, env=told, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if made.returncode:
        raise CannotPackage("PyInstaller failed:\n" + "\n".join(made.stdout.splitlines()[-_TAIL:]))
    return bundle


def program_of(bundle: Path) -> Path:
    """Return the file that starts the program; raises CannotPackage where the folder holds none."""
    for name in (f"{FILE_STEM}.exe", FILE_STEM):
        if (bundle / name).is_file():
            return bundle / name
    raise CannotPackage(f"{bundle}: no {FILE_STEM} in it")


def is_for_windows(bundle: Path) -> bool:
    """Tell whether the bundle's program is one for Windows."""
    return program_of(bundle).suffix == ".exe"


def left_out_megabytes(work: Path) -> int:
    """Return how many megabytes (10⁶ bytes) of files the cut kept out of the last bundle made in `work`.

    What the excluded modules would have brought comes on top: PyInstaller never looked at it.
    """
    return round(int((work / "left-out.txt").read_text("ascii")) / 1e6)


def size_of(bundle: Path) -> Size:
    """Measure a bundle."""
    files = [path for path in bundle.rglob("*") if path.is_file() and not path.is_symlink()]
    return Size(megabytes=round(sum(path.stat().st_size for path in files) / 1e6), files=len(files))
