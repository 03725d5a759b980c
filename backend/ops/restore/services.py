"""Restore a backup over live data: complete, or the live database serves on as it was, wherever it is killed.

The steps, in order: read the backup to its end; maintenance; fill the database that rests and compare it with the
backup; bring it to this release; take over what the former database knows better, or withhold it; end all sessions;
check the ledger; let Redis forget; switch, by one update of one document, which ends the maintenance too. A killed
restore leaves maintenance and a half-filled database that nobody reads: the next one begins anew over it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pymongo.database import Database
from pymongo.errors import PyMongoError

from backend.accounts.services.forgetting import RedisStillRemembers, forget_sessions
from backend.audit.services import record_security
from backend.boxoffice.ledger import breaches
from backend.boxoffice.services.sweep import sweep
from backend.core import clock, serving
from backend.core.mongo import client
from backend.ops import lease
from backend.ops.backup import archive
from backend.ops.backup.errors import BackupError
from backend.ops.backup.loading import load, measure
from backend.ops.backup.manifest import Manifest
from backend.ops.demo.load import MARK as DEMO
from backend.ops.restore import carrying, losses, names, withholding
from backend.ops.restore.errors import NotRestored
from backend.programme.reopening import close_after_restore, name_of

# Requests that had begun before the maintenance are over by then, and no worker that lost sight of the database is
# still of the old mind.
DRAIN_SECONDS = serving.STALE_SECONDS + 30.0
PATIENCE_SECONDS = lease.SECONDS + 5  # with another restore, which may have been killed
MOST_BREACHES = 20
Document = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(kw_only=True)
class Restored:
    """What was done. `former` is kept; `closed` names the showtimes that wait to be reconciled."""

    database: str
    former: str
    documents: int
    taken_at: str
    carried: dict[str, int] = field(default_factory=dict)
    unbound: int = 0
    closed: list[str] = field(default_factory=list)


def restore(
    file: Path,
    *,
    drop: bool,
    without_former: bool = False,
    managers: Sequence[str] = (),
    drain: float = DRAIN_SECONDS,
    progress: Progress,
) -> Restored:
    """Let the backup in `file` serve, with what came after it.

    Args:
        file: the backup.
        drop: drop the database that an earlier restore kept.
        without_former: take nothing over from the database that serves, which cannot be read or is not to be trusted.
        managers: phones of back-office accounts that stay enabled where nobody's standing is known.
        drain: seconds from the maintenance to the last look at the former database.
        progress: is told each step.

    Raises NotRestored; then the live database serves as it was.
    """
    with _in_one_line(file), _alone() as held:

        def step(said: str) -> None:
            held.confirm()  # who slept longer than his lease, on a machine that was stopped, does no step more
            progress(said)

        return _restore(
            file, held, drop=drop, without_former=without_former, managers=managers, drain=drain, progress=step
        )


def restore_beside(file: Path, target: str, *, drop: bool, progress: Progress) -> int:
    """Load the backup in `file` into the database `target`, to be looked at; return how many documents it has.

    Nothing that serves is touched. Raises NotRestored.
    """
    if not names.is_ours(target):
        raise NotRestored(f"{target!r} is no name for a database of ours: letters, digits, _ and - (up to 63)")
    now = serving.read(client())
    if target in {now.database, serving.first_name(), serving.resting(now.database), f"{serving.first_name()}_control"}:
        raise NotRestored(f"{target} is one that serves, rests or steers: name another")
    if not drop and client()[target].list_collection_names():
        raise NotRestored(f"{target} is not empty: name another, or say --drop")
    with _in_one_line(file):
        manifest = archive.verify(file)
        _refuse_empty(manifest)
        client().drop_database(target)
        documents = _filled(file, client()[target], progress)
    with serving.using(target):
        _refuse_breaches(datetime.fromisoformat(manifest.taken_at))
    return documents


@contextmanager
def _in_one_line(file: Path) -> Iterator[None]:
    """Say of whatever fails inside the block that nothing was restored, and why."""
    try:
        yield
    except BackupError as error:
        raise NotRestored(f"{file.name} cannot be used: {error}") from error
    except OSError as error:
        raise NotRestored(f"{file} cannot be read ({error.strerror})") from error
    except PyMongoError as error:
        raise NotRestored(f"the database failed ({error})") from error
    except RedisStillRemembers as error:
        raise NotRestored(f"Redis does not answer, and may hold sessions of before ({error})") from error


@contextmanager
def _alone() -> Iterator[lease.Holding]:
    """Let no other restore run; one that was killed keeps this one waiting for half a minute."""
    try:
        with lease.held(serving.RESTORE, wait=PATIENCE_SECONDS, leases=serving.steering_leases(client())) as held:
            yield held
    except lease.Held as other:
        raise NotRestored(f"another restore runs: {other}") from None
    except lease.Lost as lost:
        raise NotRestored(f"{lost} Start it again") from None


def _restore(
    file: Path,
    held: lease.Holding,
    *,
    drop: bool,
    without_former: bool,
    managers: Sequence[str],
    drain: float,
    progress: Progress,
) -> Restored:
    progress(f"reading {file.name} to its end")
    manifest = archive.verify(file)
    _refuse_empty(manifest)
    former = serving.read(client()).database
    target = serving.resting(former)
    _refuse_kept(target, drop=drop)
    knows_accounts = not without_former and _has(client()[former], "users")
    if not knows_accounts and not managers:
        raise NotRestored("nobody knows who was disabled since: name who may sign in to the office (--manager PHONE)")
    with _maintenance(held) as maintenance:
        began = time.monotonic()
        progress("maintenance: nobody is served")
        serving.fill(target)
        try:
            client().drop_database(target)
            restored = _filled_and_migrated(file, target, progress)
            time.sleep(max(0.0, began + drain - time.monotonic()))
            source = None if without_former else client()[former]
            done = _brought_up_to_date(source, client()[target], manifest, managers, progress)
            forget_sessions()
            progress(f"switching from {former} to {target}")
            _switch(former, target, maintenance)
        except BaseException:
            if _is_still_ours(held):
                _undo(target)
            raise
    serving.follow()
    done.documents, done.former, done.database = restored, former, target
    return done


def _refuse_empty(manifest: Manifest) -> None:
    """Raise NotRestored where the backup cannot be one of a cinema: nobody works there, or nothing was ever set up."""
    for needed in ("users", "django_migrations"):
        held = [file for path, file in manifest.files.items() if path.rpartition("/")[2] == f"{needed}.bson"]
        if not any(file.documents for file in held):
            raise NotRestored(f"the backup is empty: it has no {needed}")


def _refuse_strange(restored: Database[Document]) -> None:
    """Raise NotRestored where the backup is of a later release, or is the demo's and this is production."""
    known = MigrationExecutor(connection).loader.disk_migrations or {}
    for row in restored["django_migrations"].find():
        if (row["app"], row["name"]) not in known:
            raise NotRestored(f"the backup is of a later release than this one: {row['app']}.{row['name']} is unknown")
    if settings.ENVIRONMENT == "prod" and restored["appState"].find_one({"_id": DEMO}):
        raise NotRestored("the backup holds demo data, and this is production")


def _refuse_kept(target: str, *, drop: bool) -> None:
    """Raise NotRestored where `target` holds what somebody may still need."""
    said = serving.read(client())
    if drop or said.filling == target or not client()[target].list_collection_names():
        return
    since = f", kept since {said.kept.until:%Y-%m-%d %H:%M} UTC" if said.kept and said.kept.database == target else ""
    raise NotRestored(f"{target} is not empty{since}: say --drop where nobody needs it")


@contextmanager
def _maintenance(held: lease.Holding) -> Iterator[serving.Maintenance]:
    """Serve nobody inside the block; yield the maintenance. Somebody else's goes on afterwards."""
    serving.enter_maintenance(key=serving.RESTORE, reason="restore", now=clock.now(), anew=True)
    maintenance = serving.read(client()).maintenance
    if maintenance is None:
        raise NotRestored("the maintenance was ended at this moment; start it again")
    try:
        yield maintenance
    finally:
        if _is_ours(maintenance) and _is_still_ours(held):
            serving.leave_maintenance(maintenance)


def _is_ours(maintenance: serving.Maintenance) -> bool:
    return maintenance.key == serving.RESTORE


def _is_still_ours(held: lease.Holding) -> bool:
    """Return whether no other restore has begun: what there is to tidy up would be his."""
    try:
        held.confirm()
    except lease.Lost:
        return False
    return True


def _switch(former: str, target: str, maintenance: serving.Maintenance) -> None:
    switched = serving.switch(
        former=former, database=target, now=clock.now(), during=maintenance, ends_maintenance=_is_ours(maintenance)
    )
    if not switched:
        raise NotRestored(
            f"the maintenance was ended meanwhile, or {former} no longer serves: "
            "what was sold since would have been lost. Start it again"
        )


def _undo(target: str) -> None:
    """Drop what was half filled, unless it serves: where the answer to the switch was lost."""
    if serving.read(client()).database != target:
        client().drop_database(target)
        serving.filled()


def _filled(file: Path, target: Database[Document], progress: Progress) -> int:
    """Load the backup into `target`, compare both, and return the number of documents."""
    progress(f"filling {target.name}")
    loaded = load(file, target)
    if wrong := sorted(name for name, content in loaded.items() if measure(target, name) != content):
        raise NotRestored(f"{', '.join(wrong)} in {target.name} is not what is in the backup")
    return sum(content.documents for content in loaded.values())


def _filled_and_migrated(file: Path, target: str, progress: Progress) -> int:
    documents = _filled(file, client()[target], progress)
    progress("bringing it to this release")
    with serving.using(target):
        _refuse_strange(client()[target])
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate_database", verbosity=0)
        else:
            call_command("create_indexes", verbosity=0)  # they were loaded without the expiry of some
    return documents


def _brought_up_to_date(
    former: Database[Document] | None,
    restored: Database[Document],
    manifest: Manifest,
    managers: Sequence[str],
    progress: Progress,
) -> Restored:
    """Take over what the former database knows better, withhold what nobody knows, and check the ledger."""
    now = clock.now()
    done = Restored(database=restored.name, former="", documents=0, taken_at=manifest.taken_at)
    knows_accounts = former is not None and _has(former, "users")
    knows_sales = former is not None and (_has(former, "orders") or not _has(restored, "orders"))
    backup = losses.newest(restored)
    lost: set[ObjectId] | None = set() if knows_sales else None
    alike = carrying.make_way(former, restored) if former is not None else []
    for twin in alike:
        progress(str(twin))
    # A showtime that was lost and planned anew: its hall has the other one now.
    planned_anew = [twin.backup["_id"] for twin in alike if twin.collection == "showtimes"]
    if former is not None:
        for name in carrying.RULES:
            if knows_sales or name not in carrying.SALES:
                progress(f"taking over {name}")
                done.carried[name] = carrying.carry(name, former, restored)
        if knows_sales:
            lost = losses.cinemas_that_lost_sales(former, restored)
            if lost != set():
                progress("the former database has lost sales: what it may have sold stays closed until reconciled")
    carrying.renew_marks(former, restored)
    known = former["users"].distinct("_id") if knows_accounts and former is not None else []
    done.unbound = withholding.withhold_machines(restored, known=known, managers=managers, now=now)
    if not knows_accounts and not withholding.may_approve(restored, managers):
        raise NotRestored("none of the --manager has an account in the backup that works in the office")
    withholding.end_sessions(restored, now=now)
    withholding.renew_maps(restored)
    with serving.using(restored.name):
        if lost != set() or planned_anew:
            closed = close_after_restore(now=now, backup=backup, cinemas=lost, showtimes=planned_anew)
            done.closed = [name_of(show) for show in closed]
        while sweep(now=now):
            pass
        progress("checking the ledger")
        _refuse_breaches(now)
        record_security("database_restored", now=now, reason=f"backup of {manifest.taken_at}")
    return done


def _has(database: Database[Document], name: str) -> bool:
    return database[name].find_one({}, {"_id": 1}) is not None


def _refuse_breaches(now: datetime) -> None:
    found = breaches(clock=lambda: now, pause=0)
    if found:
        lines = "; ".join(str(breach) for breach in found[:MOST_BREACHES])
        raise NotRestored(f"seats, orders, tickets and payments do not agree: {len(found)} breaches: {lines}")
