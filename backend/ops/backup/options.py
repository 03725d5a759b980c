"""The option that the backup commands share."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings


def add_directory(parser: ArgumentParser) -> None:
    """Take `--output DIR`, where backups stand."""
    parser.add_argument(
        "--output", type=Path, default=Path(settings.BACKUP_DIR), metavar="DIR", help="where backups stand (BACKUP_DIR)"
    )
