"""Releases of the desktop client: the newest, and the oldest that may still log in."""
