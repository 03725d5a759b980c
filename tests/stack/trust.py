"""A machine whose system trusts the stack's own authority, for the shell's calls and for its web view."""

import subprocess
from pathlib import Path


def trusting(home: Path, ca_file: Path) -> dict[str, str]:
    """Make `home` a user's home directory that trusts `ca_file`, and return what a program of that user runs with."""
    database = home / ".pki" / "nssdb"  # where Chromium looks
    database.mkdir(parents=True)
    where = ["-d", f"sql:{database}"]
    subprocess.run(["certutil", "-N", *where, "--empty-password"], check=True)
    subprocess.run(["certutil", "-A", *where, "-n", "stack", "-t", "C,,", "-i", str(ca_file)], check=True)
    return {"HOME": str(home), "SSL_CERT_FILE": str(ca_file)}
