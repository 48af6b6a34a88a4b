"""What the torture found, each as the one strike that showed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.errors import Unavailable
from cachedesk.lab.torture.cycles import Torture
from cachedesk.lab.torture.job import Injection
from cachedesk.lab.torture.points import Points
from cachedesk.lab.torture.strace import StraceError
from cachedesk.stack.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Points]:
    with Torture(tmp_path_factory.mktemp("found"), 5, "syscalls") as torture:
        yield Points(torture)


@pytest.mark.parametrize(
    "injection",
    [
        # The first journal of a new database was left behind, and it could not be opened again.
        Injection("main", "unlink", "kill", 1),
        # Redis's folder was made before anything named it, and it was never found again.
        Injection("main", "write", "kill", 2),
        Injection("main", "rename", "kill", 1),
        # The lock file could not be written: a bare OSError.
        Injection("main", "write", "ENOSPC", 1),
        Injection("main", "ftruncate", "EIO", 1),
        # The close ended with a bare OSError, half done.
        Injection("main", "unlink", "EIO", 3, stays=True),
    ],
    ids=lambda injection: f"{injection.series} {injection.number}",
)
def test_a_strike_that_once_broke_a_promise(injection: Injection, points: Points) -> None:
    report = points._report
    report.broken.clear()
    try:
        end = points.strike(injection, points.fresh)
    except StraceError as error:
        pytest.skip(str(error))
    assert end.struck
    assert not report.broken, "\n".join(report.broken)


def test_a_failed_append_keeps_no_file_open(
    tmp_path: Path, open_stack: Callable[..., Stack]
) -> None:
    """The error held its own frames, and they the cursor that kept the closed file open."""
    stack = open_stack(path=tmp_path / "data")
    stack.perform(Inject("log.full"))
    with pytest.raises(Unavailable):
        stack.layer.incr("views:1")
    stack.perform(Heal())
    stack.close()
    assert sorted(path.name for path in (tmp_path / "data" / "log").iterdir()) == [
        "log.db",
        "witness",
    ]
