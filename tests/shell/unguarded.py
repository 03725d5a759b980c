"""The shell with its guards off: the control that shows that each attack of the tests would work without them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import QUrl
from PyQt5.QtWebEngineWidgets import QWebEngineDownloadItem, QWebEnginePage, QWebEngineProfile, QWebEngineSettings

from shell_client.browser import page as till_page
from shell_client.browser import window as till_window
from shell_client.browser.origin import Origin
from shell_client.browser.page import TillPage


def take_guards_away() -> None:
    """Admit every origin, window, download, file, permission and certificate, and every switch of the engine."""
    open_doors: tuple[tuple[type, str, Callable[..., object]], ...] = (
        (Origin, "admits", lambda _self, _url: True),
        (TillPage, "createWindow", lambda self, _kind: self),
        (TillPage, "certificateError", lambda _self, _error: True),
        (TillPage, "chooseFiles", _give_the_key),
        (TillPage, "_deny", _grant),
    )
    for owner, name, open_door in open_doors:
        setattr(owner, name, open_door)
    till_page._refuse_download = _save
    till_window.make_profile = _open_profile


def _grant(page: TillPage, origin: QUrl, feature: QWebEnginePage.Feature) -> None:
    page.setFeaturePermission(origin, feature, QWebEnginePage.PermissionPolicy.PermissionGrantedByUser)


def _give_the_key(_page: TillPage, _mode: object, _old: object, _accepted: object) -> list[str]:
    return [str(Path(os.environ["SHELL_DATA_DIR"]) / "device.key")]


def _save(item: QWebEngineDownloadItem) -> None:
    item.setDownloadDirectory(os.environ["SHELL_DATA_DIR"])
    item.accept()


def _open_profile(*, origin: Origin, language: str) -> QWebEngineProfile:
    profile = till_page.make_profile(origin=origin, language=language)
    settings, scripts = profile.settings(), profile.scripts()
    assert settings is not None
    assert scripts is not None
    scripts.clear()
    for attribute in (
        QWebEngineSettings.WebAttribute.HyperlinkAuditingEnabled,
        QWebEngineSettings.WebAttribute.JavascriptCanOpenWindows,
        QWebEngineSettings.WebAttribute.JavascriptCanAccessClipboard,
        QWebEngineSettings.WebAttribute.JavascriptCanPaste,
    ):
        settings.setAttribute(attribute, True)
    return profile
