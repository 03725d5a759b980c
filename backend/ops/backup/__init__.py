"""Backups that are read back: one file in mongodump's layout, with a manifest that says what belongs in it."""
