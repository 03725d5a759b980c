"""What stops a backup: always one clear sentence, and nothing half-made stays behind."""


class BackupError(Exception):
    """A backup could not be made."""


class WrongIdentity(BackupError):
    """A backup was encrypted for somebody else than the identity that was to open it: whole perhaps, and of no use."""


class Damaged(BackupError):
    """An archive is not what its manifest says, or has none; the message names the file and what is wrong."""
