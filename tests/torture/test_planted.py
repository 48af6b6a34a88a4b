"""Every planted bug is found; otherwise a torture that finds nothing would prove nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cachedesk.lab.torture.cycles import Torture
from cachedesk.lab.torture.points import Points
from cachedesk.lab.torture.strace import StraceError
from tests.torture import planted

pytestmark = pytest.mark.slow

SECONDS = 1_800


def hunt(bug: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Hunt for ``bug`` in a process of its own, so that it stays there."""
    return subprocess.run(
        [sys.executable, "-m", "tests.torture.hunt", bug, str(folder / bug)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@pytest.fixture(scope="module")
def may_trace(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where strace cannot be used."""
    with Torture(tmp_path_factory.mktemp("trace"), 1, "syscalls") as torture:
        try:
            next(Points(torture).syscalls(1))
        except StraceError as error:
            pytest.skip(str(error))


@pytest.mark.parametrize("bug", [bug.__name__ for bug in planted.BUGS])
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    found = hunt(bug, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.usefixtures("may_trace")
@pytest.mark.parametrize("bug", [bug.__name__ for bug in planted.ON_DISK])
def test_a_planted_bug_of_a_failing_disk_is_found(bug: str, tmp_path: Path) -> None:
    found = hunt(bug, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
