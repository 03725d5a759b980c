"""A printer whose paper is a PDF file, and what stands on it."""

from __future__ import annotations

import re
from pathlib import Path

from PyQt5.QtPrintSupport import QPrinter

POINTS_PER_MILLIMETRE = 72 / 25.4


def pdf_printer(path: Path) -> QPrinter:
    """Return a printer that writes to `path`."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(path))
    return printer


def page_sizes(path: Path) -> list[tuple[int, int]]:
    """Return width and height of each printed page, in millimetres; none while it is being printed."""
    printed = path.read_bytes() if path.is_file() else b""
    if not printed.rstrip().endswith(b"%%EOF"):
        return []
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    return [(_millimetres(width), _millimetres(height)) for width, height in boxes]


def _millimetres(points: bytes) -> int:
    return round(float(points) / POINTS_PER_MILLIMETRE)
