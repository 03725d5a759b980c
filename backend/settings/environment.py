"""Read settings from the environment: values, secrets and secrets kept in files."""

import os
from ipaddress import ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

MINIMUM_SECRET_LENGTH = 32
MINIMUM_DISTINCT_CHARACTERS = 12


def text(name: str, default: str = "") -> str:
    """Return the variable `name`, stripped, or `default` where it is missing or empty."""
    return os.environ.get(name, "").strip() or default


def one_of(name: str, *choices: str) -> str:
    """Return the variable `name`, one of `choices`; the first where it is missing.

    Raises ImproperlyConfigured where it is another.
    """
    value = text(name, choices[0])
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def items(name: str, default: str = "") -> list[str]:
    """Return the comma-separated variable `name` as a list without empty entries."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def number(name: str, default: int, *, least: int = 0) -> int:
    """Return the variable `name` as a whole number of `least` or more.

    Raises ImproperlyConfigured naming the variable where it is none.
    """
    value = text(name, str(default))
    try:
        given = int(value)
    except ValueError:
        given = least - 1
    if given < least:
        raise ImproperlyConfigured(f"{name} must be a whole number of {least} or more, not {value!r}.")
    return given


def networks(name: str) -> list[str]:
    """Return the comma-separated addresses and networks of the variable `name`.

    Raises ImproperlyConfigured naming the variable where one is neither.
    """
    wanted = items(name)
    for network in wanted:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name}: {network!r} is neither an address nor a network (like 10.0.0.0/24)."
            ) from None
    return wanted


def secret(name: str) -> str:
    """Return the secret `name`, from the variable itself or from the file that `NAME_FILE` names.

    Raises ImproperlyConfigured where the file cannot be read.
    """
    path = text(f"{name}_FILE")
    if not path:
        return text(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error.strerror}.") from None


def strong_secret(name: str) -> str:
    """Return the secret `name`.

    Raises ImproperlyConfigured with one line that says what to do where it is missing or easy to guess.
    """
    value = secret(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: give {name} or {name}_FILE (see .env.example).")
    if len(value) < MINIMUM_SECRET_LENGTH or len(set(value)) < MINIMUM_DISTINCT_CHARACTERS:
        raise ImproperlyConfigured(
            f"{name} is too weak: use at least {MINIMUM_SECRET_LENGTH} random characters "
            "(python -c 'import secrets; print(secrets.token_urlsafe(48))')."
        )
    return value


def required(name: str) -> str:
    """Return the secret or address `name`; raises ImproperlyConfigured where it is missing."""
    value = secret(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: give {name} or {name}_FILE (see .env.example).")
    return value
