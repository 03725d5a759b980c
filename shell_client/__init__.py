"""The desktop shell: staff log in natively on their machine, and the ticket screens open in its web view."""

__version__ = "1.0.0"
