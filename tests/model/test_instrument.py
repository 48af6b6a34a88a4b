"""The model examines every module of the engine in which threads meet, whatever it is called."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model import install, instrument

ROOT = Path(__file__).resolve().parents[2]


def modules() -> dict[str, str]:
    """Return the source of each module of a running stack, by its name below the package."""
    sources: dict[str, str] = {}
    for name in instrument.module_names():
        file = importlib.import_module(name).__file__
        assert file is not None
        sources[name.removeprefix(instrument.PACKAGE)] = Path(file).read_text()
    return sources


@pytest.mark.parametrize("gone", ["engine.locks", "faults.key_locks", "nowhere.fence"])
def test_a_listed_module_that_is_missing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr(instrument, "MODULES", instrument.MODULES | {gone})
    with pytest.raises(RuntimeError, match=f"no module {gone}"):
        instrument.install()


def test_a_missing_module_with_a_real_lock_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_REAL_LOCKS", ("observe.metrics", "gauges"))
    with pytest.raises(RuntimeError, match="no module gauges"):
        install.install()


def test_exploring_ends_with_an_error_when_a_listed_module_was_renamed() -> None:
    renamed = (
        "import sys\n"
        "from tests.model import explore, instrument\n"
        "instrument.MODULES = instrument.MODULES - {'engine.key_locks'} | {'engine.fence'}\n"
        "sys.exit(explore.main(['--schedules', '1', '--jobs', '1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", renamed], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert "no module engine.fence" in done.stderr
    assert "broken" not in done.stdout


def test_every_module_that_uses_threads_is_examined_or_left_out_on_purpose() -> None:
    listed = instrument.MODULES | instrument.LEFT_OUT
    threaded = {name for name, source in modules().items() if "import threading" in source}
    assert threaded <= listed, "list them in tests/model/instrument.py"


def test_no_module_is_both_examined_and_left_out() -> None:
    assert not instrument.MODULES & instrument.LEFT_OUT
