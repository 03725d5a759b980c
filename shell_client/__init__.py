"""The desktop shell: staff log in natively on their machine, and the ticket screens open in its web view."""

from shell_client.build import BUILD

__version__ = BUILD.version
