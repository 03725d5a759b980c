"""The shell with its guards off: the control that shows that each attack of the tests would work without them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import QUrl
from PyQt5.QtWebChannel import QWebChannel
from PyQt5.QtWebEngineCore import QWebEngineUrlRequestInfo
from PyQt5.QtWebEngineWidgets import (
    QWebEngineDownloadItem,
    QWebEnginePage,
    QWebEngineProfile,
    QWebEngineSettings,
    QWebEngineView,
)
from PyQt5.QtWidgets import QApplication

from shell_client import app as program
from shell_client.browser import page as till_page
from shell_client.browser import window as till_window
from shell_client.browser.downloads import Downloads
from shell_client.browser.interceptor import OneOrigin
from shell_client.browser.origin import Origin
from shell_client.browser.page import TillPage


class Obeying(QApplication):
    """An application that hands the engine the whole command line."""

    def __init__(self, _: object) -> None:
        super().__init__(sys.argv)


def take_guards_away() -> None:
    """Admit every origin, window, download, file, permission and certificate, and every switch of the engine."""
    open_doors: tuple[tuple[object, str, Callable[..., object]], ...] = (
        (Origin, "admits", lambda _self, _url: True),
        (TillPage, "createWindow", lambda self, _kind: self),
        (TillPage, "certificateError", lambda _self, _error: True),
        (TillPage, "chooseFiles", _give_the_key),
        (TillPage, "_deny", _grant),
        (TillPage, "__init__", _with_channel(TillPage.__init__)),
        (OneOrigin, "interceptRequest", _add_the_token),
        (Downloads, "take", _save),
        (QWebEngineView, "setAcceptDrops", lambda _self, _on: None),
        (till_page, "new_sign", lambda: "till-shell"),
        (till_window, "make_profile", _open_profile),
        (program, "QApplication", Obeying),
        (program, "close_engine_switches", lambda _environ, *, api_base_url: None),  # noqa: ARG005 - as the real one
    )
    for owner, name, open_door in open_doors:
        setattr(owner, name, open_door)


def _with_channel(make: Callable[..., None]) -> Callable[..., None]:
    def make_with_channel(page: TillPage, *arguments: object, **named: object) -> None:
        make(page, *arguments, **named)
        page.setWebChannel(QWebChannel(page))

    return make_with_channel


def _add_the_token(_self: OneOrigin, info: QWebEngineUrlRequestInfo) -> None:
    info.setHttpHeader(b"Authorization", b"DPoP access-1")


def _grant(page: TillPage, origin: QUrl, feature: QWebEnginePage.Feature) -> None:
    page.setFeaturePermission(origin, feature, QWebEnginePage.PermissionPolicy.PermissionGrantedByUser)


def _give_the_key(_page: TillPage, _mode: object, _old: object, _accepted: object) -> list[str]:
    return [str(Path(os.environ["SHELL_DATA_DIR"]) / "device" / "device.key")]


def _save(_self: Downloads, item: QWebEngineDownloadItem) -> None:
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
