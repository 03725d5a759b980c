"""Tests of accounts: device proofs, the log-in, sessions and managing."""
