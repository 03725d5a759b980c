"""The API of log-in, sessions and managing."""
