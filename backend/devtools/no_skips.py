"""A pytest plugin of `make test`: a skipped test fails the run, since a skipped test proves nothing."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn success into failure when something was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if reporter and skipped and exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\n{skipped} skipped: `make test` skips nothing.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
