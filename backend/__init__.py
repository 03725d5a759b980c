"""The server of the movie ticket management system."""

__version__ = "0.1.0"  # as in pyproject.toml
