"""Tickets on paper: the engine prints them 80 mm wide, and the till is told in words when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PyQt5 import sip
from PyQt5.QtPrintSupport import QPrinterInfo
from PyQt5.QtWebEngineWidgets import QWebEnginePage, QWebEngineProfile
from PyQt5.QtWidgets import QApplication

from shell_client.browser import printing
from shell_client.browser.printing import NoPrinter, TicketPrinter, find_printer
from tests.shell.conftest import Until
from tests.shell.paper import page_sizes, pdf_printer

STYLE = (Path(__file__).parents[2] / "backend/screens/static/screens/ticket.css").read_text("utf-8")
TICKET = '<article class="ticket"><h1 class="film">长夜将明</h1><p class="place"><b>7排10座</b></p></article>'


@pytest.fixture
def tickets(application: QApplication, until: Until) -> Iterator[QWebEnginePage]:
    """Return a page with two tickets in the style of the screens."""
    profile = QWebEngineProfile()
    page = QWebEnginePage(profile, None)
    loaded: list[bool] = []
    page.loadFinished.connect(loaded.append)
    page.setHtml(f"<!DOCTYPE html><style>{STYLE}</style>{TICKET * 2}")
    until(lambda: loaded)
    yield page
    if not sip.isdeleted(page):
        sip.delete(page)
    sip.delete(profile)


class Ears:
    """What a ticket printer said."""

    def __init__(self, printer: TicketPrinter) -> None:
        self.started: list[str] = []
        self.not_printed: list[str] = []
        printer.started.connect(lambda: self.started.append("started"))
        printer.not_printed.connect(self.not_printed.append)


def test_each_ticket_is_a_page_of_80_millimetres(tickets: QWebEnginePage, until: Until, tmp_path: Path) -> None:
    printer = TicketPrinter(find=lambda: pdf_printer(tmp_path / "tickets.pdf"))
    ears, ended = Ears(printer), []
    printer.printed.connect(lambda: ended.append("printed"))

    printer.print_page(tickets)
    until(lambda: ended or ears.not_printed)

    assert (ears.started, ended, ears.not_printed) == (["started"], ["printed"], [])
    assert page_sizes(tmp_path / "tickets.pdf") == [(80, 130), (80, 130)]
    assert f"size: {printing.TICKET_MILLIMETRES.width():.0f}mm {printing.TICKET_MILLIMETRES.height():.0f}mm" in STYLE


def test_a_printer_that_fails_is_told(tickets: QWebEnginePage, until: Until, tmp_path: Path) -> None:
    printer = TicketPrinter(find=lambda: pdf_printer(tmp_path / "no folder" / "tickets.pdf"))
    ears = Ears(printer)

    printer.print_page(tickets)
    until(lambda: ears.not_printed)

    assert ears.not_printed == ["print_failed"]


def test_a_second_print_while_one_runs_is_told_and_a_later_one_goes(
    tickets: QWebEnginePage, until: Until, tmp_path: Path
) -> None:
    printer = TicketPrinter(find=lambda: pdf_printer(tmp_path / "tickets.pdf"))
    ears, ended = Ears(printer), []
    printer.printed.connect(lambda: ended.append("printed"))

    printer.print_page(tickets)
    printer.print_page(tickets)
    assert ears.not_printed == ["print_busy"]
    until(lambda: ended)
    printer.print_page(tickets)
    until(lambda: len(ended) == 2)

    assert ears.not_printed == ["print_busy"]


def test_a_page_that_goes_away_while_it_prints_is_told(tickets: QWebEnginePage, until: Until, tmp_path: Path) -> None:
    printer = TicketPrinter(find=lambda: pdf_printer(tmp_path / "tickets.pdf"))
    ears = Ears(printer)

    printer.print_page(tickets)
    sip.delete(tickets)
    until(lambda: ears.not_printed)

    assert ears.not_printed == ["print_failed"]


@pytest.mark.parametrize(("name", "key"), [(None, "print_no_printer"), ("小票机", "print_no_such_printer")])
def test_without_a_printer_nothing_is_written_anywhere(
    tickets: QWebEnginePage, monkeypatch: pytest.MonkeyPatch, name: str | None, key: str
) -> None:
    nothing = SimpleNamespace(defaultPrinter=QPrinterInfo, printerInfo=lambda _: QPrinterInfo())
    monkeypatch.setattr(printing, "QPrinterInfo", nothing)
    printer = TicketPrinter(find=lambda: find_printer(name))
    ears = Ears(printer)

    printer.print_page(tickets)

    assert (ears.started, ears.not_printed) == ([], [key])
    with pytest.raises(NoPrinter):
        find_printer(name)
