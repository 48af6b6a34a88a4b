"""The torture, in short: random kills, every failpoint, and every planted bug is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cachedesk.engine import failpoints
from cachedesk.lab.torture.cycles import Report, Torture
from tests.torture import planted

RANDOM_CYCLES = 150


def assert_all_promises_kept(report: Report) -> None:
    assert not report.broken, "\n".join(report.broken)


def test_random_kills_break_no_promise(tmp_path: Path) -> None:
    with Torture(tmp_path, seed=20261123, mode="random") as torture:
        for report in torture.random(RANDOM_CYCLES):
            assert_all_promises_kept(report)
        report = torture.finish()
    assert_all_promises_kept(report)
    assert report.cycles > RANDOM_CYCLES // 3, "too few processes really died"
    assert report.writes > 10 * RANDOM_CYCLES, "too little was acknowledged to prove anything"


def test_every_failpoint_is_reached_and_survived(tmp_path: Path) -> None:
    with Torture(tmp_path, seed=7, mode="failpoints") as torture:
        for report in torture.failpoints(most_hits=1):
            assert_all_promises_kept(report)
        report = torture.finish()
    assert_all_promises_kept(report)
    assert set(failpoints.POINTS) == set(report.points)


@pytest.mark.parametrize("bug", [bug.__name__ for bug in planted.BUGS])
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    """In a process of its own, so that the bug stays in it."""
    hunt = subprocess.run(
        [sys.executable, "-m", "tests.torture.hunt", bug, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert hunt.returncode == 0, hunt.stdout + hunt.stderr
