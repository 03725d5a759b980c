"""Restore a backup over live data: into the database that rests, with all that was revoked, then switch."""
