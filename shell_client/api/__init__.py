"""The server's API as the shell uses it: proofs, server time, retries; nothing here knows Qt but `background`."""
