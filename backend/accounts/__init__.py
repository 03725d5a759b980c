"""Staff accounts, roles, device bindings, the log-in, sessions and tokens."""
