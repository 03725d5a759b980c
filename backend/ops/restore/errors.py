"""What stops a restore: one clear sentence, and the live database is as it was."""


class NotRestored(Exception):
    """Nothing was switched; the message says why and what to do."""


class NotReconciled(Exception):
    """Nothing was taken over or opened; the message says why."""
