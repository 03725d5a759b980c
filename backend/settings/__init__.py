"""Settings by environment: `base` for all, then `dev`, `test` and `prod`."""
