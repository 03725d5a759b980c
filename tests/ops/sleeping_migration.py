"""A migration job that is put to sleep in the midst of its work: `python -m tests.ops.sleeping_migration [--unfenced]`.

It stops itself, by SIGSTOP, after its first change, and goes on when it is woken. `--unfenced` leaves out what should
notice that its lease was lost meanwhile, as a control.
"""

import signal
import sys
from contextlib import nullcontext

import django
from pymongo import monitoring

from tests.ops.dying_migration import Fault

LEASE_SECONDS = 0.6


def main() -> None:
    """Run the job as `manage.py` does."""
    monitoring.register(Fault(signal.SIGSTOP))
    django.setup()
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - Django is set up first

    from backend.ops import lease, migration  # noqa: PLC0415

    lease.SECONDS = LEASE_SECONDS
    if "--unfenced" in sys.argv:
        migration.fenced = lambda _confirm: nullcontext()  # type: ignore[assignment]
        lease.Holding.keep = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005
    execute_from_command_line(["manage.py", "migrate_database", "--verbosity", "0"])


if __name__ == "__main__":
    main()
