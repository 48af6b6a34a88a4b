"""Every planted bug is found; otherwise a torture that finds nothing would prove nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from cachedesk.lab.torture.cycles import Torture
from cachedesk.lab.torture.points import Points
from cachedesk.lab.torture.strace import StraceError
from tests.torture import planted

Hunt = Callable[[str], "subprocess.CompletedProcess[str]"]

AT_A_TIME = 2
SECONDS = 300


@pytest.fixture(scope="module")
def hunt(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hunt]:
    """Hunts for the bugs of the tests that were chosen, two at a time, each in a process of its
    own, so that the bug stays in it."""
    folder = tmp_path_factory.mktemp("hunts")

    def start(bug: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.torture.hunt", bug, str(folder / bug)],
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        hunts: dict[str, Future[subprocess.CompletedProcess[str]]] = {
            item.callspec.params["bug"]: pool.submit(start, item.callspec.params["bug"])
            for item in request.session.items
            if isinstance(item, pytest.Function)
            and item.path == request.path
            and hasattr(item, "callspec")
        }
        yield lambda bug: hunts[bug].result()
        for waiting in hunts.values():
            waiting.cancel()


@pytest.fixture(scope="module")
def may_trace(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where strace cannot be used."""
    with Torture(tmp_path_factory.mktemp("trace"), 1, "syscalls") as torture:
        try:
            next(Points(torture).syscalls(1))
        except StraceError as error:
            pytest.skip(str(error))


@pytest.mark.parametrize("bug", [bug.__name__ for bug in planted.BUGS])
def test_a_planted_bug_is_found(bug: str, hunt: Hunt) -> None:
    found = hunt(bug)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.usefixtures("may_trace")
@pytest.mark.parametrize("bug", [bug.__name__ for bug in planted.ON_DISK])
def test_a_planted_bug_of_a_failing_disk_is_found(bug: str, hunt: Hunt) -> None:
    found = hunt(bug)
    assert found.returncode == 0, found.stdout + found.stderr
