"""Blocks every request of the view that does not go to the one origin."""

from __future__ import annotations

import logging
from collections.abc import Callable

from PyQt5.QtWebEngineCore import QWebEngineUrlRequestInfo, QWebEngineUrlRequestInterceptor

from shell_client.browser.origin import Origin

log = logging.getLogger(__name__)

_INLINE_SCHEMES = frozenset({"data", "blob"})
_PAGES = (
    QWebEngineUrlRequestInfo.ResourceType.ResourceTypeMainFrame,
    QWebEngineUrlRequestInfo.ResourceType.ResourceTypeSubFrame,
)


class OneOrigin(QWebEngineUrlRequestInterceptor):
    """Adds nothing to a request, not even a token: a redirect would carry it to a stranger."""

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin
        self.posting: Callable[[str], None] = lambda _path: None
        """Called with the path of each POST to the origin, before it is sent."""

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
        """Block or let pass; an exception here would end the process, so it blocks instead."""
        try:
            url = info.requestUrl()
            inline = url.scheme() in _INLINE_SCHEMES and info.resourceType() not in _PAGES
            if inline or self._origin.admits(url):
                if not inline and bytes(info.requestMethod()) == b"POST":
                    self.posting(url.path())
                return
            log.warning("blocked %s://%s", url.scheme(), url.host())
        except Exception:
            log.exception("a request could not be judged")
        info.block(True)
