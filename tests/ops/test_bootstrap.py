"""The environment's preparation: quick where nothing changed, and one line for what is missing."""

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.devtools import bootstrap


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with a lock of its own and an empty environment."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / "requirements" / "run.txt").write_text("one==1.0\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    return tmp_path


def test_another_python_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))

    with pytest.raises(bootstrap.CannotPrepare, match=r"Python 3\.11, 3\.12 or 3\.13 is needed; this is 3\.9 "):
        bootstrap.check_python()


def test_a_python_without_venv_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without_ensurepip(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "ensurepip":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_ensurepip)

    with pytest.raises(bootstrap.CannotPrepare, match=r"apt-get install python3\.\d+-venv"):
        bootstrap.check_python()


def test_a_stamp_of_this_lock_means_installed_and_a_changed_lock_does_not(checkout: Path):
    assert not bootstrap.is_installed("run")

    bootstrap.stamp_of("run").write_text(bootstrap.digest("run"))
    assert bootstrap.is_installed("run")

    (checkout / "requirements" / "run.txt").write_text("one==1.1\n")
    assert not bootstrap.is_installed("run")


@pytest.mark.parametrize(
    "said",
    [
        "WARNING: Retrying ... NewConnectionError('<...>: Failed to establish a new connection')",
        "WARNING: Retrying ... [Errno -3] Temporary failure in name resolution",
        "ERROR: ProxyError('Cannot connect to proxy.')",
    ],
)
def test_a_missing_network_is_one_line(said: str):
    assert bootstrap.reason_of([said, "ERROR: No matching distribution found for one==1.0"]).startswith(
        "Cannot reach the package index"
    )


def test_any_other_failure_of_pip_is_its_first_error():
    assert bootstrap.reason_of(["Collecting one", "ERROR: disk full", "ERROR: more"]) == "pip failed: ERROR: disk full"


def test_an_unknown_task_names_the_known_ones(capsys: pytest.CaptureFixture[str]):
    assert bootstrap.main(["fly"]) == 2
    assert "run, stack, mongo-native, test, lint" in capsys.readouterr().err


def test_every_lock_that_a_task_needs_is_there():
    for requirements, _module in bootstrap.TASKS.values():
        assert bootstrap.lock_of(requirements).is_file()
