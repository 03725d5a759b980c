"""The server's API as the shell uses it: proofs, server time, retries; only `background` knows Qt."""
