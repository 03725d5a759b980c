"""The machine code: a label for this machine that does not give its raw id away, and proves nothing."""

from __future__ import annotations

import hashlib
import platform
import re
import secrets
import sys
from pathlib import Path

OWN_ID_FILE = "machine-id"
_SALT = "cinema-till machine code 1"
_LINUX_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def machine_code(*, data_dir: Path, own_data_dir: bool) -> str:
    """Return 32 upper-case hexadecimal digits, the same at every start on this machine.

    A data folder of its own (`SHELL_DATA_DIR`) may hold a file `machine-id`, which then stands for the
    machine's: so tests can be two machines. Where the system has no id, one is made and kept there.
    """
    raw = _kept_id(data_dir) if own_data_dir else None
    raw = raw or _system_id() or _kept_id(data_dir) or _make_id(data_dir)
    return hashlib.sha256(f"{_SALT}\n{raw.strip().lower()}".encode()).hexdigest()[:32].upper()


def shown(code: str) -> str:
    """Return the code as the log-in window shows it: its first and last eight digits in fours."""
    return f"{code[:4]} {code[4:8]} … {code[-8:-4]} {code[-4:]}"


def machine_name() -> str:
    """Return the name that this machine has in its network, as a first name for the binding."""
    return (platform.node() or "till")[:60]


def system_name() -> str:
    """Return the operating system in words, such as `Windows 10` or `Linux 6.1`."""
    return f"{platform.system()} {platform.release()}"[:60]


def _system_id() -> str | None:
    if sys.platform == "win32":
        return _windows_id()
    if sys.platform == "darwin":
        return _mac_id()
    for path in _LINUX_FILES:
        try:
            text = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if re.fullmatch("[0-9a-f]{32}", text):  # an image that was never booted says "uninitialized"
            return text
    return None


def _windows_id() -> str | None:
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 - exists on Windows only

        # The 64-bit view: a 32-bit program is otherwise shown another id for the same machine.
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, access) as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            return None
    return None


def _mac_id() -> str | None:
    import subprocess  # noqa: PLC0415 - on a Mac only

    command = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'"IOPlatformUUID" = "([0-9A-Fa-f-]{36})"', answer.stdout)
    return found[1] if found else None


def _kept_id(data_dir: Path) -> str | None:
    try:
        return (data_dir / OWN_ID_FILE).read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None


def _make_id(data_dir: Path) -> str:
    made = secrets.token_hex(16)
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / OWN_ID_FILE).write_text(made + "\n", "utf-8")
    return made
