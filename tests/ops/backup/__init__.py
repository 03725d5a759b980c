"""Backups: made, read back, refused where damaged, and kept as long as they are needed."""
