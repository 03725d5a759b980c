"""The native log-in window: a phone number, this machine, and plain words for whatever happens."""
