"""Every change of accounts, bindings and sessions, one module a use case."""
