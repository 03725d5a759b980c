"""What was measured: one table for people, one list for programs."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

AT_LEAST, UNDER = "ratio, at least", "difference, under"


@dataclass(frozen=True)
class Row:
    """One comparison. `ours`, `against` and `ratio` are medians over the rounds; the spreads are the extremes.

    `reach` is what `measure` must reach: `ratio, at least`, or `difference, under`; None where a row only informs.
    """

    name: str
    unit: str
    ours: float
    against: float
    ratio: float
    reach: float | None
    reached: bool | None
    spread_ours: tuple[float, float]
    spread_against: tuple[float, float]
    spread_ratio: tuple[float, float]
    measure: str = AT_LEAST
    note: str = ""
    database: str = ""


def compared(
    name: str,
    unit: str,
    rounds: Sequence[tuple[float, float]],
    *,
    reach: float | None,
    measure: str = AT_LEAST,
    note: str = "",
) -> Row:
    """Return the row of rounds of (ours, against), measured in turns: the ratio is the median of the rounds' own."""
    ours, against = [first for first, _ in rounds], [second for _, second in rounds]
    ratios = [first / second for first, second in rounds]
    ratio = statistics.median(ratios)
    difference = statistics.median(first - second for first, second in rounds)
    reached = None if reach is None else ratio >= reach if measure == AT_LEAST else difference < reach
    return Row(
        name=name,
        unit=unit,
        ours=round(statistics.median(ours), 3),
        against=round(statistics.median(against), 3),
        ratio=round(ratio, 3),
        reach=reach,
        reached=reached,
        spread_ours=_extremes(ours),
        spread_against=_extremes(against),
        spread_ratio=_extremes(ratios),
        measure=measure,
        note=note,
    )


def _extremes(values: Sequence[float]) -> tuple[float, float]:
    return round(min(values), 3), round(max(values), 3)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text, a line each and a line of notes where there is one."""
    head = ("", "ours", "against", "ratio", "spread", "reach", "")
    lines = [head]
    for row in rows:
        low, high = row.spread_ratio
        verdict = {None: "", True: "reached", False: "NOT reached"}[row.reached]
        reach = "" if row.reach is None else f"{row.measure} {row.reach:g}"
        values = (f"{row.ours:,.1f} {row.unit}", f"{row.against:,.1f} {row.unit}", f"{row.ratio:.2f}")
        lines.append((row.name, *values, f"{low:.2f} to {high:.2f}", reach, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = []
    for number, line in enumerate(lines):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number and rows[number - 1].note:
            text.append(f"    {rows[number - 1].note}")
    return "\n".join(text)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
