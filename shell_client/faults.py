"""How the program ends: what nobody caught is written down, and the next start knows how the run before ended."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from shell_client import __version__
from shell_client.kept import keep

log = logging.getLogger(__name__)

RUN_FILE = "run.json"
FAULT_FILE, FORMER_FAULT_FILE = "fault.log", "fault.former.log"
LINES_SHOWN = 40


@dataclass(frozen=True)
class FormerRun:
    """A run that did not end in order: `fault` is what the crash left, empty for a power cut or a kill."""

    started_at: float
    fault: str
    log_lines: str


class Run:
    """One run of the program in its data folder. The caller holds the folder's lock: the former run is over."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._fault_file: TextIO | None = None

    def begin(self) -> FormerRun | None:
        """Mark that the program runs, and catch what may end it; return what the former run left, if it fell."""
        former = _former(self._data_dir)
        try:
            fault = self._data_dir / FAULT_FILE
            if former is not None and former.fault:
                fault.replace(self._data_dir / FORMER_FAULT_FILE)  # kept for the support bundle
            self._fault_file = fault.open("w", encoding="utf-8")
            keep(self._data_dir / RUN_FILE, json.dumps({"started": time.time(), "version": __version__}) + "\n")
        except OSError as error:
            log.warning("a crash of this run could not be kept: %s", error)
        if self._fault_file is not None:
            faulthandler.enable(self._fault_file)
        sys.excepthook = _log_exception
        threading.excepthook = _log_thread
        return former

    def end(self) -> None:
        """Take the mark away: this run ended in order."""
        try:
            (self._data_dir / RUN_FILE).unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s could not be removed: %s", RUN_FILE, error)


def _former(data_dir: Path) -> FormerRun | None:
    try:
        kept = json.loads((data_dir / RUN_FILE).read_text("utf-8"))
        started = float(kept["started"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        started = 0.0
    fault = last_lines(data_dir / FAULT_FILE)
    return FormerRun(started, fault, last_lines(data_dir / "shell.log"))


def last_lines(path: Path, lines: int = LINES_SHOWN) -> str:
    """Return the end of a text file, empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200 * lines))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""


def _log_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write down what nobody caught: without this Qt ends the process, in the middle of a sale."""
    log.critical("unexpected", exc_info=(kind, error, trace))


def _log_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        name = told.thread.name if told.thread is not None else "?"
        log.critical("unexpected in thread %s", name, exc_info=(told.exc_type, told.exc_value, told.exc_traceback))
