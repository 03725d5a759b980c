"""The page and its profile: off the record, one origin, and every door that a page could open shut."""

from __future__ import annotations

import json
import logging
from functools import partial

from PyQt5 import sip
from PyQt5.QtCore import QObject, QUrl, pyqtSignal
from PyQt5.QtWebEngineWidgets import (
    QWebEngineCertificateError,
    QWebEnginePage,
    QWebEngineProfile,
    QWebEngineScript,
    QWebEngineSettings,
)

from shell_client.browser.downloads import Downloads
from shell_client.browser.interceptor import OneOrigin
from shell_client.browser.origin import Origin
from shell_client.browser.scripts import ENDED, REFUSED, STATE, new_sign, page_scripts

log = logging.getLogger(__name__)


def make_profile(*, origin: Origin, language: str) -> QWebEngineProfile:
    """Return a profile that keeps nothing on disk and forgets all when it is deleted."""
    profile = QWebEngineProfile()
    profile.interceptor = OneOrigin(origin)  # type: ignore[attr-defined]  # the engine does not own it
    profile.setUrlRequestInterceptor(profile.interceptor)  # type: ignore[attr-defined]
    profile.setHttpAcceptLanguage(language)
    profile.setSpellCheckEnabled(False)
    profile.downloads = Downloads(origin=origin)  # type: ignore[attr-defined]
    profile.downloadRequested.connect(profile.downloads.take)  # type: ignore[attr-defined]
    settings, scripts = profile.settings(), profile.scripts()
    if settings is None or scripts is None:
        raise RuntimeError("the engine gave no profile")
    for attribute, wanted in (
        (QWebEngineSettings.WebAttribute.ErrorPageEnabled, False),
        (QWebEngineSettings.WebAttribute.PluginsEnabled, False),
        (QWebEngineSettings.WebAttribute.JavascriptCanOpenWindows, False),
        (QWebEngineSettings.WebAttribute.JavascriptCanAccessClipboard, False),
        (QWebEngineSettings.WebAttribute.LocalContentCanAccessRemoteUrls, False),
        (QWebEngineSettings.WebAttribute.LocalContentCanAccessFileUrls, False),
        (QWebEngineSettings.WebAttribute.AllowRunningInsecureContent, False),
        (QWebEngineSettings.WebAttribute.AllowGeolocationOnInsecureOrigins, False),
        (QWebEngineSettings.WebAttribute.AllowWindowActivationFromJavaScript, False),
        (QWebEngineSettings.WebAttribute.DnsPrefetchEnabled, False),
        (QWebEngineSettings.WebAttribute.HyperlinkAuditingEnabled, False),
        (QWebEngineSettings.WebAttribute.ScreenCaptureEnabled, False),
        (QWebEngineSettings.WebAttribute.FullScreenSupportEnabled, False),
        (QWebEngineSettings.WebAttribute.PdfViewerEnabled, False),
        (QWebEngineSettings.WebAttribute.WebGLEnabled, False),
        (
            QWebEngineSettings.WebAttribute.PlaybackRequiresUserGesture,
            False,
        ),  # the sounds of a check-in by scanner
    ):
        settings.setAttribute(attribute, wanted)
    settings.setUnknownUrlSchemePolicy(QWebEngineSettings.UnknownUrlSchemePolicy.DisallowUnknownUrlSchemes)
    profile.sign = new_sign()  # type: ignore[attr-defined]
    for script in page_scripts(profile.sign):  # type: ignore[attr-defined]
        scripts.insert(script)
    return profile


class TillPage(QWebEnginePage):
    """The one page of the view.

    Signals: `session_ended()` where a document has the mark, else `opened(title, good)`, not `good` where it
    is the server's page about a problem; `failed()` where none came; `call_refused()` where a call was.
    """

    session_ended = pyqtSignal()
    call_refused = pyqtSignal()
    opened = pyqtSignal(str, bool)
    failed = pyqtSignal()

    def __init__(self, profile: QWebEngineProfile, *, origin: Origin, parent: QObject | None = None) -> None:
        super().__init__(profile, parent)  # with one argument Qt would take it for the parent
        self._origin = origin
        self._sign: str = profile.sign  # type: ignore[attr-defined]  # from make_profile
        self._refusing = False
        self.featurePermissionRequested.connect(self._deny)
        self.quotaRequested.connect(lambda request: request.reject())
        self.registerProtocolHandlerRequested.connect(lambda request: request.reject())
        self.selectClientCertificate.connect(lambda selection: selection.selectNone())
        self.loadFinished.connect(self._finished)

    def acceptNavigationRequest(self, url: QUrl, kind: QWebEnginePage.NavigationType, main_frame: bool) -> bool:
        """Stay on the one origin."""
        try:
            if self._origin.admits(url):
                self._refusing = self._refusing and not main_frame
                return True
            self._refusing = self._refusing or main_frame
            log.warning("refused to go to %s://%s", url.scheme(), url.host())
        except Exception:
            log.exception("an address could not be judged")
        return False

    def createWindow(self, kind: QWebEnginePage.WebWindowType) -> QWebEnginePage:
        """Open no second window."""
        log.warning("a second window was refused")
        return None  # type: ignore[return-value]  # Qt takes this as a refusal

    def certificateError(self, error: QWebEngineCertificateError) -> bool:
        """Take no certificate that the system does not."""
        try:
            log.error("certificate refused: %s", error.errorDescription())
        except Exception:
            log.exception("certificate refused")
        return False

    def chooseFiles(self, mode: QWebEnginePage.FileSelectionMode, old: object, accepted: object) -> list[str]:
        """Give the page no files."""
        log.warning("a page asked for a file")
        return []

    def javaScriptAlert(self, origin: QUrl, text: str | None) -> None:
        """Show no dialog of a page: it would hold the till up, and could look like the shell's own."""
        log.warning("a page's alert was refused")

    def javaScriptConfirm(self, origin: QUrl, text: str | None) -> bool:
        """Show no dialog, and say no."""
        log.warning("a page's question was refused")
        return False

    def javaScriptPrompt(self, origin: QUrl, text: str | None, default: str | None) -> tuple[bool, str]:
        """Show no dialog that could ask for a PIN."""
        log.warning("a page's question was refused")
        return False, ""

    def javaScriptConsoleMessage(
        self,
        level: QWebEnginePage.JavaScriptConsoleMessageLevel,
        text: str | None,
        line: int,
        source: str | None,
    ) -> None:
        """Hear the shell's own watcher; write what else the page says to the log."""
        try:
            message = text or ""
            if message == f"{self._sign}:{ENDED}":
                self.session_ended.emit()
            elif message == f"{self._sign}:{REFUSED}":
                self.call_refused.emit()
            elif level == QWebEnginePage.JavaScriptConsoleMessageLevel.ErrorMessageLevel:
                log.warning("page: %s (line %d)", message[:300], line)
            else:
                log.debug("page: %s", message[:300])
        except Exception:
            log.exception("a message of the page could not be read")

    def _deny(self, origin: QUrl, feature: QWebEnginePage.Feature) -> None:
        self.setFeaturePermission(origin, feature, QWebEnginePage.PermissionPolicy.PermissionDeniedByUser)

    def _finished(self, good: bool) -> None:
        refused, self._refusing = self._refusing, False
        if refused and not good:
            return  # what we refused left the page where it was
        self.runJavaScript(STATE, QWebEngineScript.ScriptWorldId.ApplicationWorld, partial(self._read_state, good))

    def _read_state(self, good: bool, answer: str | None) -> None:
        if sip.isdeleted(self):  # a question that the page's end has cut off
            return
        try:
            state = json.loads(answer or "")
            if state["ended"]:
                self.session_ended.emit()
            elif good or state["fresh"]:
                self.opened.emit(str(state["title"]), good)
            else:
                self.failed.emit()
        except (TypeError, ValueError, KeyError):
            self.failed.emit()
