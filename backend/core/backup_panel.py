"""What the back office's first page says of the backups: when the last was, and whether that is as it should be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.text import format_lazy
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from backend.core.backup_state import DRILL, LAST, OFF_SITE, last_backup

# As the alarms have it (docker/prometheus/rules/backups.yml).
OLD = {LAST: timedelta(hours=2), OFF_SITE: timedelta(hours=4), DRILL: timedelta(days=8)}
LABELS = {LAST: _("Last backup"), OFF_SITE: _("Last copy off-site"), DRILL: _("Last drill")}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the panel. `at` is UTC, None where there was none; `wrong` says what is not as it should be."""

    label: Any
    at: datetime | None
    ago: str
    about: Any
    wrong: Any


def lines(now: datetime) -> list[Line]:
    """Return a line for the last backup, the last copy off-site and the last drill."""
    known = last_backup(now)
    return [_line(kind, known[kind], now) for kind in LABELS]


def _line(kind: str, said: dict[str, Any] | None, now: datetime) -> Line:
    if said is None:
        return Line(label=LABELS[kind], at=None, ago="", about="", wrong=_("There was none yet: tell operations."))
    wrong: Any = ""
    if now - said["at"] > OLD[kind]:
        wrong = _("Older than it should be: tell operations.")
    if said.get("passed") is False:
        wrong = _("It failed: tell operations.")
    return Line(
        label=LABELS[kind],
        at=said["at"],
        ago=timesince(said["at"], now, depth=1),
        about=_about(kind, said),
        wrong=wrong,
    )


def _about(kind: str, said: dict[str, Any]) -> Any:
    if kind == LAST:
        return format_lazy(
            _("{size}, {documents} documents, took {seconds} s"),
            size=filesizeformat(said["size"]),
            documents=f"{said['documents']:,}",
            seconds=f"{said['seconds']:.1f}",
        )
    if kind == DRILL and said.get("passed"):
        return format_lazy(
            _("would lose {loss} min, would take {recovery} min"),
            loss=f"{said['lossSeconds'] / 60:.0f}",
            recovery=f"{said['recoverySeconds'] / 60:.1f}",
        )
    return said.get("name", "")
