"""Names of databases that ops type in."""

import re

NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
SERVER_S_OWN = frozenset({"admin", "config", "local"})


def is_ours(name: str) -> bool:
    """Return whether `name` can be a database of the product: it is one, and not the server's own."""
    return NAME.fullmatch(name) is not None and name not in SERVER_S_OWN
