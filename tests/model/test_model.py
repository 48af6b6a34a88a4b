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

from tests.model import known_seeds, planted

pytestmark = pytest.mark.slow

SCHEDULES = 1_000
ROOT = Path(__file__).resolve().parents[2]


def explore(*words: str) -> subprocess.CompletedProcess[str]:
    return run_here("-m", "tests.model.explore", *words)


def run_here(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=1_800,
    )


@pytest.mark.parametrize("seed", [1, 1 + SCHEDULES])
def test_no_schedule_breaks_a_promise(seed: int) -> None:
    done = explore("--schedules", str(SCHEDULES), "--seed", str(seed))
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


def test_a_bug_that_hides_and_one_that_is_out_of_date_are_not_found() -> None:
    """Planted here: one that breaks nothing, and one whose place in the engine has gone."""
    script = (
        "import sys\n"
        "from tests.model import explore, known_seeds\n"
        "explore._LONGEST_HUNT = 20\n"
        "def hides(plant): pass\n"
        "from tests.model import install\n"
        "install.install()\n"
        "install.install = lambda: None\n"
        "from cachedesk.engine.local_flusher import LocalFlusher\n"
        "from tests.model import planted\n"
        "def out_of_date(plant): plant.setattr(LocalFlusher, 'gone', None)\n"
        "planted.BUGS = (hides, out_of_date)\n"
        "known_seeds.FOUND = {'hides': (60_043,), 'out_of_date': (60_043,)}\n"
        "sys.exit(explore.main(['--bugs', '--jobs', '1']))"
    )
    done = run_here("-c", script)
    assert done.returncode != 0
    assert "hides: 21 schedules, seed 60020: NOT FOUND" in done.stdout
    assert "out_of_date" not in done.stdout
    assert "has no attribute 'gone'" in done.stderr


def test_the_hunted_bugs_are_many_and_each_was_found_before() -> None:
    assert len(planted.BUGS) >= 8
    assert set(known_seeds.FOUND) == {bug.__name__ for bug in planted.BUGS}
