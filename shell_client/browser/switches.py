"""The engine's switches: none comes in from outside, and the shell's own keep it to one host.

Nothing here loads the engine: the switches must stand before it is loaded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from PyQt5.QtCore import QUrl

from shell_client.config import ConfigError

SANDBOX_SWITCH = "QTWEBENGINE_DISABLE_SANDBOX"
SWITCHES = "QTWEBENGINE_CHROMIUM_FLAGS"
"""With this the engine reads no switches from the command line."""
NO_DATAGRAMS = "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"


def close_engine_switches(environ: MutableMapping[str, str], *, api_base_url: str) -> None:
    """Remove what would make the engine debuggable or careless, and set the shell's own switches.

    Root alone keeps the sandbox switch. Raises ConfigError for root without it: the engine would end the
    process without a word to the person.
    """
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # never on Windows
    kept = is_root and environ.get(SANDBOX_SWITCH) == "1"
    for name in [name for name in environ if name.upper().startswith("QTWEBENGINE")]:
        del environ[name]
    environ.pop("SSLKEYLOGFILE", None)
    if kept:
        environ[SANDBOX_SWITCH] = "1"
    elif is_root:
        raise ConfigError(f"the web view does not run as root; use another user ({SANDBOX_SWITCH}=1 is for tests)")
    environ[SWITCHES] = own_switches(api_base_url)


def own_switches(api_base_url: str) -> str:
    """Return the switches that let the engine find the server's host and no other, not even by an address.

    The interceptor and the page's policy judge requests; these also hold for what neither of them sees, such as
    peer connections and the names that are looked up ahead. Raises ConfigError for a host that is none.
    """
    host = QUrl(api_base_url).host(QUrl.ComponentFormattingOption.FullyEncoded).strip("[]")
    if not host:
        raise ConfigError(f'"api_base_url" has no host that can be asked: {api_base_url!r}')
    return f'"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {host}" {NO_DATAGRAMS}'
