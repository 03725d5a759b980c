"""Figures of backups for Prometheus, read from the directory at every scrape, so that none is ever out of date."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.ops.backup import records, reports
from backend.ops.backup.shelf import backups_in, up_to


class BackupFigures(Collector):
    """What stands on the shelf, what was sent, and what the last backup and the last drill said."""

    def __init__(self, directory: Path, *, off_site: bool, now: Callable[[], datetime]) -> None:
        self.directory, self.off_site, self.now = directory, off_site, now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each figure; times are Unix seconds, and 0 where there is nothing yet."""
        backups = up_to(self.now(), backups_in(self.directory))
        newest = backups[0] if backups else None
        made = reports.last(self.directory, reports.Made)
        failed = reports.last(self.directory, reports.Failed)
        yield GaugeMetricFamily("cinema_backups", "Backups on the shelf.", value=len(backups))
        yield GaugeMetricFamily(
            "cinema_backup_taken_timestamp_seconds",
            "When the newest backup was taken.",
            value=newest.taken_at.timestamp() if newest else 0,
        )
        yield GaugeMetricFamily(
            "cinema_backup_failed_timestamp_seconds",
            "When a backup last failed.",
            value=failed.at.timestamp() if failed else 0,
        )
        if newest:
            yield GaugeMetricFamily("cinema_backup_size_bytes", "Size of the newest backup.", value=newest.size)
        if made:
            yield GaugeMetricFamily(
                "cinema_backup_duration_seconds",
                "How long the last backup took, read back included.",
                value=made.seconds,
            )
        yield from self._off_site()
        yield from self._drill()

    def _off_site(self) -> Iterator[GaugeMetricFamily]:
        if not self.off_site:
            return
        kept = records.directory_for(self.directory)
        sent = [each for each in backups_in(self.directory) if records.is_off_site(kept, each)]
        newest = up_to(self.now(), sent)
        yield GaugeMetricFamily(
            "cinema_backup_offsite_timestamp_seconds",
            "When the newest backup that is off-site was taken.",
            value=newest[0].taken_at.timestamp() if newest else 0,
        )

    def _drill(self) -> Iterator[GaugeMetricFamily]:
        drilled = reports.last(self.directory, reports.Drilled)
        yield GaugeMetricFamily(
            "cinema_drill_timestamp_seconds", "When the last drill was.", value=drilled.at.timestamp() if drilled else 0
        )
        if drilled:
            yield GaugeMetricFamily(
                "cinema_drill_passed", "1: the last drill's backup can be relied on.", value=int(not drilled.wrong)
            )
            yield GaugeMetricFamily(
                "cinema_drill_loss_seconds", "What would have been lost at worst.", value=drilled.loss_seconds
            )
            yield GaugeMetricFamily(
                "cinema_drill_recovery_seconds", "How long the way back took.", value=drilled.recovery_seconds
            )


def registry(directory: Path, *, off_site: bool, now: Callable[[], datetime]) -> CollectorRegistry:
    """Return a registry of these figures alone."""
    made = CollectorRegistry()
    made.register(BackupFigures(directory, off_site=off_site, now=now))
    return made
