"""The public address that says which client is current."""
