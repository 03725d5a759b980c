"""Printing the page's tickets on this machine's printer, without a dialog; what did not print is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from PyQt5 import sip
from PyQt5.QtCore import QMarginsF, QObject, QSizeF, pyqtSignal
from PyQt5.QtGui import QPageLayout, QPageSize
from PyQt5.QtPrintSupport import QPrinter, QPrinterInfo
from PyQt5.QtWebEngineWidgets import QWebEnginePage

log = logging.getLogger(__name__)

TICKET_MILLIMETRES = QSizeF(80, 130)
"""The page of the screens' ticket.css: one seat each, edge to edge, its margins within the ticket."""
TICKET_DOTS_PER_INCH = 203
"""What ticket printers have; a page printer is sharp enough with it, and its picture stays small."""

_in_use: list[QPrinter] = []
"""The engine draws from a thread of its own: a printer that Python let go of there would end the process."""


class NoPrinter(Exception):
    """This machine has no printer, or none called `name`."""

    def __init__(self, name: str | None) -> None:
        super().__init__(name)
        self.name = name


def find_printer(name: str | None) -> QPrinter:
    """Return the printer called `name`, without a name the system's default one; raises NoPrinter."""
    info = QPrinterInfo.printerInfo(name) if name else QPrinterInfo.defaultPrinter()
    if info.isNull():  # Qt itself would quietly write a PDF file instead
        raise NoPrinter(name)
    return QPrinter(info, QPrinter.PrinterMode.HighResolution)


class TicketPrinter(QObject):
    """Prints one page at a time.

    Signals: `started()`, then `printed()` once the system has the tickets; or `not_printed(key)`, the words why.
    """

    started = pyqtSignal()
    printed = pyqtSignal()
    not_printed = pyqtSignal(str)

    def __init__(self, *, find: Callable[[], QPrinter]) -> None:
        super().__init__()
        self._find = find
        self._page: QWebEnginePage | None = None

    def print_page(self, page: QWebEnginePage) -> None:
        """Have the engine print what `page` shows on paper; returns at once."""
        if self._page is not None and not sip.isdeleted(self._page):
            self.not_printed.emit("print_busy")
            return
        try:
            printer = self._find()
        except NoPrinter as error:
            log.warning("no printer %s", error.name or "at all")
            self.not_printed.emit("print_no_such_printer" if error.name else "print_no_printer")
            return
        _set_paper(printer)
        self._page = page
        _in_use.append(printer)
        self.started.emit()
        page.print(printer, partial(self._ended, page, printer))

    def _ended(self, page: QWebEnginePage, printer: QPrinter, good: bool) -> None:
        if sip.isdeleted(page):
            log.error("the page was gone before it was printed")  # its printer may still be drawn on: it stays
        else:
            _in_use.remove(printer)
        self._page = None
        log.info("printed on %s: %s", printer.printerName() or printer.outputFileName(), good)
        if good:
            self.printed.emit()
        else:
            self.not_printed.emit("print_failed")


def _set_paper(printer: QPrinter) -> None:
    size = QPageSize(
        TICKET_MILLIMETRES, QPageSize.Unit.Millimeter, "cinema ticket", QPageSize.SizeMatchPolicy.ExactMatch
    )
    printer.setDocName("cinema tickets")
    printer.setResolution(TICKET_DOTS_PER_INCH)
    printer.setFullPage(True)
    if not printer.setPageLayout(QPageLayout(size, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0))):
        log.warning("printer %s keeps a paper of its own", printer.printerName())
