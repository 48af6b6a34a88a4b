"""The torture, in short: random kills, every failpoint, and every planted bug is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedesk.engine import failpoints
from cachedesk.engine.errors import CachedeskError
from cachedesk.lab.torture.cycles import Report, Torture
from tests.torture import planted

RANDOM_CYCLES = 150
CYCLES_TO_FIND_A_BUG = 200


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


@pytest.mark.parametrize("bug", planted.BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Callable[[planted.Plant], None], tmp_path: Path) -> None:
    """In a process of its own, so that the bug stays in it."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if is_found(bug, tmp_path) else 1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"not found in {CYCLES_TO_FIND_A_BUG} cycles"


def is_found(bug: Callable[[planted.Plant], None], folder: Path) -> bool:
    bug(pytest.MonkeyPatch())
    with Torture(folder, seed=5, mode="random") as torture:
        try:
            return any(report.broken for report in torture.random(CYCLES_TO_FIND_A_BUG))
        except CachedeskError as error:
            # A judge that cannot read what it finds has found something.
            print(error)
            return True
