"""Thousands of histories over the engine's own code, each step chosen from a seed.

In processes of their own: there the engine runs on virtual time, and a seed means the same history
in each (``PYTHONHASHSEED`` is 0). By hand: ``python -m tests.model.explore --schedules 50000``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model import planted

pytestmark = pytest.mark.slow

SCHEDULES = 2_500
ROOT = Path(__file__).resolve().parents[2]


def explore(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.model.explore", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=1_800,
    )


def test_no_schedule_breaks_a_promise() -> None:
    done = explore("--schedules", str(SCHEDULES), "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    distinct = re.search(r"([\d,]+) distinct", done.stdout)
    assert distinct is not None
    assert int(distinct[1].replace(",", "")) > 0.99 * SCHEDULES


def test_a_seed_is_one_history() -> None:
    first, second = explore("--replay", "4711"), explore("--replay", "4711")
    assert first.returncode == 0, first.stdout + first.stderr
    assert len(first.stdout.splitlines()) > 100
    assert first.stdout == second.stdout


def test_every_planted_bug_is_found() -> None:
    done = explore("--bugs")
    assert not done.stderr
    hunts = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    missed = [
        bug.__name__ for bug in planted.BUGS if "NOT FOUND" in hunts.get(bug.__name__, "NOT FOUND")
    ]
    assert missed == [], done.stdout


def test_the_hunted_bugs_are_many() -> None:
    assert len(planted.BUGS) >= 8
