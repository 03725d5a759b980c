"""`make bench`: print one table and write `var/bench.json`."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from tests.bench import backups, front, logins, opening, sales
from tests.bench.report import Row, table, write
from tests.bench.stage import Stage, seed_accounts, stage

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "var" / "bench.json"


def main() -> None:
    """Measure every row, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], help="which rows (all)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each side has its turn (7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long one turn takes, in seconds (2)")
    options = parser.parse_args()
    with stage() as running:
        seed_accounts(running, logins.accounts_needed())
        rows: list[Row] = []
        for name in options.rows or ROWS:
            print(f"Measuring {name} ...", flush=True)
            rows += ROWS[name](running, options.rounds, options.seconds)
        rows = [replace(row, database=running.database_server) for row in rows]
        print(f"\nMongoDB: {running.database_server}; {os.cpu_count()} cores, the load included\n")
        print(table(rows))
    if not options.rows:
        write(rows, TARGET)
        print(f"\nWritten to {TARGET.relative_to(ROOT)}.")


def _logins(running: Stage, rounds: int, seconds: float) -> list[Row]:
    return logins.login_rows(running, rounds=rounds, seconds=seconds)


def _heartbeats(running: Stage, rounds: int, seconds: float) -> list[Row]:
    return [logins.heartbeat_row(running, rounds=rounds, seconds=seconds)]


def _sale(running: Stage, rounds: int, seconds: float) -> list[Row]:
    return [sales.step_row(running, rounds=rounds, sales=int(20 * seconds))]


def _rush(running: Stage, rounds: int, seconds: float) -> list[Row]:
    return [sales.rush_row(running, rounds=rounds)]


def _opening(running: Stage, rounds: int, _seconds: float) -> list[Row]:
    return [opening.opening_row(running, rounds=rounds)]


def _tls(running: Stage, rounds: int, seconds: float) -> list[Row]:
    return front.front_rows(running, rounds=rounds, seconds=seconds)


def _backups(running: Stage, rounds: int, _seconds: float) -> list[Row]:
    return backups.backup_rows(running, rounds=rounds)


ROWS = {
    "login": _logins,
    "heartbeat": _heartbeats,
    "sale": _sale,
    "rush": _rush,
    "opening": _opening,
    "tls": _tls,
    "backup": _backups,
}

if __name__ == "__main__":
    main()
