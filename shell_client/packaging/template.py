"""The settings that a till begins with: `config_template.json`, filled in for one release."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from shell_client.config import FILE_NAME, ConfigError, load_config
from shell_client.packaging.release import CannotPackage, Release

TEMPLATE = Path(__file__).with_name("config_template.json")


def template_values() -> dict[str, Any]:
    """Return the template as it lies in the source."""
    values: dict[str, Any] = json.loads(TEMPLATE.read_text("utf-8"))
    return values


def filled_template(release: Release) -> str:
    """Return the settings of `release`, as JSON; raises CannotPackage where the program itself would refuse them."""
    values = {**template_values(), "api_base_url": release.api_base_url, "version": release.version}
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, FILE_NAME).write_text(text, "utf-8")
        empty = Path(folder, "user")
        try:
            load_config(environ={"SHELL_DATA_DIR": str(empty)}, program_dir=Path(folder), installed=True)
        except ConfigError as error:
            raise CannotPackage(str(error).removeprefix(f"{folder}/{FILE_NAME}: ")) from error
    return text
