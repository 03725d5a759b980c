"""Restoring over live data."""
