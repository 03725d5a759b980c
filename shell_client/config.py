"""The shell's settings: `config.json` beside the program, then the user's, then the environment.

In an installed client the server and the updates are the machine's alone: whoever may write the user's folder
must not send the till to another server.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FILE_NAME = "config.json"
LANGUAGES = ("zh-hans", "en")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
HEARTBEAT_RANGE = (1, 120)
"""Seconds. The ticket screens need a proven call under three minutes old: two minutes is the most."""

DATA_DIR_VARIABLE = "SHELL_DATA_DIR"
VARIABLES = {
    "SHELL_API_BASE_URL": "api_base_url",
    "SHELL_APP_NAME": "app_name",
    "SHELL_AUTO_UPDATE": "auto_update",
    "SHELL_HEARTBEAT_SECONDS": "heartbeat_seconds",
    "SHELL_LANGUAGE": "language",
    "SHELL_LOG_LEVEL": "log_level",
    "SHELL_PRINTER": "printer",
}
"""Which variable of the environment sets which key."""
MACHINE_KEYS = frozenset({"api_base_url", "auto_update"})
"""In an installed client these stand in the file beside the program, and nowhere else."""

_LIKE_OURS = 0.85
"""From here on an unknown variable is taken for a misspelt one of ours; other programs have their own `SHELL_...`."""

PRINTER_NAME_LENGTH = 220
"""The most that Windows lets a printer be called."""


class ConfigError(Exception):
    """A setting is wrong; the message is one line that names the file and the key."""


@dataclass(frozen=True)
class Config:
    """What the shell was told.

    `data_dir` holds everything that this program keeps for this user; `own_data_dir` is true where
    `SHELL_DATA_DIR` chose it, and then nothing (key store, machine id) is shared with another folder.
    """

    data_dir: Path
    own_data_dir: bool = False
    api_base_url: str = "http://127.0.0.1:8000"
    app_name: str | None = None
    auto_update: bool = True
    language: str | None = None
    log_level: str = "INFO"
    heartbeat_seconds: float = 60
    printer: str | None = None
    version: str | None = None


def load_config(*, environ: Mapping[str, str], program_dir: Path, installed: bool = False) -> Config:
    """Return the settings; a later source wins over an earlier one, key by key.

    Raises ConfigError with one line for the first unknown key, wrong value or unreadable file, and in an
    installed client for a missing `api_base_url` or a machine's key that stands elsewhere.
    """
    data_dir, own = choose_data_dir(environ)
    config = Config(data_dir=data_dir, own_data_dir=own)
    machine_file = program_dir / FILE_NAME
    values = _checked(_read(machine_file), source=str(machine_file))
    if installed and "api_base_url" not in values:
        raise ConfigError(f'{machine_file}: "api_base_url" is missing')
    config = replace(config, **values)
    if data_dir != program_dir:
        source = data_dir / FILE_NAME
        values = _checked(_read(source), source=str(source))
        if installed:
            _refuse_machine_keys(values, source=str(source), machine_file=machine_file)
        config = replace(config, **values)
    for name, key in _variables(environ).items():
        if installed:
            _refuse_machine_keys([key], source=name, machine_file=machine_file)
        config = replace(config, **_checked({key: _plain(key, environ[name].strip())}, source=name))
    return config


def choose_data_dir(environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Return where this user's things are kept, and whether `SHELL_DATA_DIR` chose it."""
    chosen = environ.get(DATA_DIR_VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser().resolve(), True
    from platformdirs import user_data_path  # noqa: PLC0415 - slow to load, and not always needed

    return user_data_path("cinema-till", appauthor=False), False


def _refuse_machine_keys(keys: Iterable[str], *, source: str, machine_file: Path) -> None:
    for key in keys:
        if key in MACHINE_KEYS:
            raise ConfigError(f'{source}: "{key}" is read from {machine_file} alone in an installed client')


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    known = (*VARIABLES, DATA_DIR_VARIABLE)
    for name in environ:
        if name.startswith("SHELL_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_LIKE_OURS)
            if near:
                raise ConfigError(f"{name}: unknown variable (did you mean {near[0]}?)")
    return {name: key for name, key in VARIABLES.items() if name in environ}


def _plain(key: str, text: str) -> object:
    """Return a variable's text as the value that the file would have; what is none is refused by its check."""
    if key not in ("auto_update", "heartbeat_seconds"):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")  # Windows' Notepad writes the mark
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: not JSON, line {error.lineno} column {error.colno}: {error.msg}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must be one JSON object")
    return values


def _checked(values: dict[str, Any], *, source: str) -> dict[str, Any]:
    checks = {
        "api_base_url": _base_url,
        "app_name": _name,
        "auto_update": _yes_or_no,
        "language": _language,
        "log_level": _log_level,
        "heartbeat_seconds": _heartbeat,
        "printer": _printer,
        "version": _version,
    }
    clean: dict[str, Any] = {}
    for key, value in values.items():
        check = checks.get(key)
        if check is None:
            near = difflib.get_close_matches(key, checks, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"known keys: {', '.join(checks)}"
            raise ConfigError(f'{source}: unknown key "{key}" ({hint})')
        try:
            clean[key] = check(value)
        except ValueError as error:
            raise ConfigError(f'{source}: "{key}" {error}') from error
    return clean


def _base_url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an address such as https://till.example.com")  # noqa: TRY004 - one error for all
    parts = urlsplit(value)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https") or parts.username is not None or port == 0:
        raise ValueError(f"must be an address such as https://till.example.com, not {value!r}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"must be an address without path, not {value!r}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"must begin with https:// (only this machine itself may use http), not {value!r}")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 40:
        raise ValueError("must be a name of 1 to 40 characters")
    return value.strip()


def _language(value: object) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"must be one of {', '.join(LANGUAGES)}")
    return str(value)


def _log_level(value: object) -> str:
    if not isinstance(value, str) or value.upper() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return value.upper()


def _heartbeat(value: object) -> float:
    low, high = HEARTBEAT_RANGE
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"must be a number of seconds from {low} to {high}")
    return value


def _printer(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > PRINTER_NAME_LENGTH:
        raise ValueError(f"must be the name of a printer, 1 to {PRINTER_NAME_LENGTH} characters")
    return value.strip()


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one error for all
    return value


def _version(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]+(\.[0-9A-Za-z-]+){0,5}", value):
        raise ValueError("must be a version such as 1.0.0")
    return value
