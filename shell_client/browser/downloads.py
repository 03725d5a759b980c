"""Files that the screens offer: of few types, from the one origin, into one folder."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt5.QtCore import QObject, QStandardPaths, pyqtSignal
from PyQt5.QtWebEngineWidgets import QWebEngineDownloadItem

from shell_client.browser.origin import Origin

log = logging.getLogger(__name__)

TYPES = {
    "application/pdf": ".pdf",
    "text/csv": ".csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
"""What is taken, by the server's word, and how it is called: nothing that a double click would run."""
MOST_BYTES = 20_000_000
LONGEST_NAME = 80
_ODD = re.compile(r"[^\w() -]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
"""Names that are no files on Windows, whatever ends them."""


def download_folder() -> Path:
    """Return the folder where this person's system keeps downloads; the page has no say in it."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation))


def file_name(wanted: str, *, ending: str, taken: Callable[[str], bool]) -> str:
    """Return a name that is not `taken`: the page's words without path and odd signs, then `ending`."""
    stem = _ODD.sub("_", wanted.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]).strip(" _")[:LONGEST_NAME]
    if not stem or _DEVICES.fullmatch(stem):
        stem = f"file {stem}".strip()
    name, number = f"{stem}{ending}", 1
    while taken(name):
        number += 1
        name = f"{stem} ({number}){ending}"
    return name


class Downloads(QObject):
    """Takes one file at a time.

    Signals: `saved(path)` once all of it is there, `not_saved()` where one was refused or broke off.
    """

    saved = pyqtSignal(str)
    not_saved = pyqtSignal()

    def __init__(self, *, origin: Origin) -> None:
        super().__init__()
        self._origin = origin
        self._running = False

    def take(self, item: QWebEngineDownloadItem) -> None:
        """Save the file that the page offers, or refuse it; an exception here would end the process."""
        try:
            ending = self._ending(item)
            if ending is None:
                log.warning("a download was refused: %s", item.mimeType())
                item.cancel()
                self.not_saved.emit()
                return
            folder = download_folder()
            folder.mkdir(parents=True, exist_ok=True)
            name = file_name(item.suggestedFileName(), ending=ending, taken=lambda name: (folder / name).exists())
            item.setDownloadDirectory(str(folder))
            item.setDownloadFileName(name)
            item.downloadProgress.connect(partial(self._stop_if_too_large, item))
            item.finished.connect(partial(self._ended, item, folder / name))
            self._running = True
            item.accept()
        except Exception:
            log.exception("a download was refused")
            item.cancel()
            self.not_saved.emit()

    def _ending(self, item: QWebEngineDownloadItem) -> str | None:
        if self._running or item.isSavePageDownload() or not self._origin.admits(item.url()):
            return None
        return TYPES.get(item.mimeType().split(";")[0].strip().lower())

    def _stop_if_too_large(self, item: QWebEngineDownloadItem, received: int, total: int) -> None:
        if max(received, total) > MOST_BYTES:
            item.cancel()

    def _ended(self, item: QWebEngineDownloadItem, path: Path) -> None:
        self._running = False
        if item.state() == QWebEngineDownloadItem.DownloadState.DownloadCompleted:
            log.info("saved a file of %d bytes", item.receivedBytes())
            self.saved.emit(str(path))
        else:
            log.warning("a file was not saved: %s", item.interruptReasonString())
            self.not_saved.emit()
