"""Cinemas, halls and their seat layouts."""
