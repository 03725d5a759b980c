"""What the backup commands share: where backups stand, and how progress is told."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from django.conf import settings
from django.core.management.base import OutputWrapper

EVERY_SECONDS = 2.0


def add_directory(parser: ArgumentParser) -> None:
    """Take `--output DIR`, where backups stand."""
    parser.add_argument(
        "--output", type=Path, default=Path(settings.BACKUP_DIR), metavar="DIR", help="where backups stand (BACKUP_DIR)"
    )


def told_to(stream: OutputWrapper) -> Callable[[str, int], None]:
    """Return what tells `stream` how far a long command is: what it is at and a number, every other second."""
    last = monotonic()

    def progress(what: str, number: int) -> None:
        nonlocal last
        if monotonic() - last >= EVERY_SECONDS:
            last = monotonic()
            stream.write(f"{what}: {number}")

    return progress
