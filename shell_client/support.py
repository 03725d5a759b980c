"""The support bundle: a ZIP of what support needs to see, by a list of files, and without secrets or phone numbers."""

from __future__ import annotations

import json
import platform
import re
import sys
import time
import zipfile
from pathlib import Path

from PyQt5.QtCore import PYQT_VERSION_STR, QT_VERSION_STR, QStandardPaths

from shell_client import __version__
from shell_client.config import FILE_NAME as CONFIG_FILE
from shell_client.device.machine import machine_code
from shell_client.faults import FAULT_FILE, FORMER_FAULT_FILE, RUN_FILE
from shell_client.last_order import FILE_NAME as ORDER_FILE

LOG_FILES = ("shell.log", "shell.log.1", "shell.log.2", "shell.log.3")
_FILES = (*LOG_FILES, FAULT_FILE, FORMER_FAULT_FILE, RUN_FILE, ORDER_FILE, CONFIG_FILE)
"""Never by a pattern: the key and the remembered people lie in the same folder."""
MOST_BYTES = 2_000_000
"""Of each file, its end."""

_MASKS = (
    (re.compile(r"(/till/enter/)[^/\s\"']+"), r"\1***"),
    (re.compile(r"(?i)\b(dpop|bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 ***"),
    (
        re.compile(r"(?i)([\w-]*(?:token|secret|password|cookie|authorization|activation_?code)[\"']?\s*[:=]\s*)\S+"),
        r"\1***",
    ),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}"), "***"),
    (re.compile(r"(?<![\w-])[\w-]{43,}"), "***"),  # 32 bytes in base64, as one-time codes are
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}="), "***"),  # and as keys are
    (re.compile(r"(?<![\w.-])(\+?\d{2})\d{7,11}(\d{2})(?![\w-])"), r"\1***\2"),
    (re.compile(r"\b(1\d)\d \d{4} \d{2}(\d{2})\b"), r"\1***\2"),
)


def write_bundle(*, data_dir: Path, own_data_dir: bool, program_dir: Path, more: dict[str, object]) -> Path:
    """Write the bundle and return where it is; `more` is what the running program knows. Raises OSError."""
    folder = _folder(data_dir, own_data_dir=own_data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"cinema-till-support-{time.strftime('%Y%m%d-%H%M%S')}.zip"
    draft = path.with_suffix(".part")
    report = _report(data_dir, own_data_dir=own_data_dir, more=more)
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("report.json", json.dumps(report, ensure_ascii=False, indent=1, default=str))
            for name in _FILES:
                _add(bundle, data_dir / name, name)
            if program_dir != data_dir:
                _add(bundle, program_dir / CONFIG_FILE, f"program-{CONFIG_FILE}")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return path


def masked(text: str) -> str:
    """Return `text` without tokens, one-time addresses, keys and phone numbers."""
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def _add(bundle: zipfile.ZipFile, source: Path, name: str) -> None:
    try:
        with source.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        text = f"cannot be read: {error}"
    bundle.writestr(name, masked(text))


def _report(data_dir: Path, *, own_data_dir: bool, more: dict[str, object]) -> dict[str, object]:
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "version": __version__,
        "system": platform.platform(),
        "python": sys.version,
        "qt": f"{QT_VERSION_STR}, PyQt {PYQT_VERSION_STR}",
        "installed": bool(getattr(sys, "frozen", False)),
        "dataDir": str(data_dir),
        "machineCode": machine_code(data_dir=data_dir, own_data_dir=own_data_dir),
        "files": {one.name: one.stat().st_size for one in sorted(data_dir.glob("*")) if one.is_file()},
        **more,
    }


def _folder(data_dir: Path, *, own_data_dir: bool) -> Path:
    desktop = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DesktopLocation)
    if own_data_dir or not desktop or not Path(desktop).is_dir():
        return data_dir / "support"
    return Path(desktop)
