"""Every planted bug is found; otherwise a torture that finds nothing would prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachedesk.lab.torture.cycles import Torture
from cachedesk.lab.torture.points import Points
from cachedesk.lab.torture.strace import StraceError
from tests.forked import Forked
from tests.torture import hunt, planted

pytestmark = pytest.mark.slow

SECONDS = 1_800


def find(bug: str, folder: Path) -> None:
    """Hunt for ``bug`` in a process of its own, so that it stays there."""
    hunter = Forked(folder / "said", hunt.main, bug, folder / bug)
    assert hunter.wait(SECONDS) == 0, hunter.said()


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
    find(bug, tmp_path)


@pytest.mark.usefixtures("may_trace")
@pytest.mark.parametrize("bug", [bug.__name__ for bug in planted.ON_DISK])
def test_a_planted_bug_of_a_failing_disk_is_found(bug: str, tmp_path: Path) -> None:
    find(bug, tmp_path)
