"""The one origin that the web view may show, and the part of it that it may not."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from PyQt5.QtCore import QUrl

_PORTS = {"http": 80, "https": 443}
REFUSED_PREFIX = "/admin"


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port, compared exactly."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: QUrl) -> Origin:
        """Return the origin of an address; one without a known scheme has port 0 and equals no server's."""
        scheme = url.scheme().lower()
        return cls(scheme, url.host().lower(), url.port(_PORTS.get(scheme, 0)))

    def admits(self, url: QUrl) -> bool:
        """Tell whether the view may ask for `url`: this origin, nobody's name in it, and not the admin."""
        if not url.isValid() or url.userInfo() or Origin.of(url) != self:
            return False
        return not _is_admin(url.path(QUrl.ComponentFormattingOption.FullyDecoded))


def _is_admin(path: str) -> bool:
    once = QUrl.fromPercentEncoding(path.encode())  # encoded twice is read twice by some server
    clean = posixpath.normpath("/" + once.replace("\\", "/").lstrip("/")).lower()
    return clean == REFUSED_PREFIX or clean.startswith(REFUSED_PREFIX + "/")
