"""The logs: who logged in or was refused, what touched security, who changed what."""
