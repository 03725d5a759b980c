"""The machine's key and its connection to the server: slow to load, so the log-in window is shown before it."""

from __future__ import annotations

import truststore

from shell_client.api.client import StaffClient
from shell_client.config import Config
from shell_client.device.keystore import KeyStoreError, load_device_key

__all__ = ["KeyStoreError", "connect"]


def connect(*, config: Config, language: str) -> StaffClient:
    """Return the connection, made with this machine's key; asks no server yet. Raises KeyStoreError."""
    truststore.inject_into_ssl()  # the system's certificates count for our calls as for the view
    key = load_device_key(data_dir=config.data_dir, own_data_dir=config.own_data_dir)
    return StaffClient(base_url=config.api_base_url, key=key, language=language)
