"""Good data directories, made once and copied for each case; and a time limit for each case."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest
from cli.conftest import cachedesk, warm  # noqa: F401 - fixtures
from engine.scenarios import PATIENT, THROUGH, copy_as_after_a_kill, running

from cachedesk.stack.stack import Stack

LIMIT_SECONDS = 120

Pairs = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Good:
    """Two stops of one data directory: ``backup``, and ``now``, which was opened again since, as
    it is after a stop in order and after a kill. ``other`` is another data directory."""

    backup: Path
    now: Path
    killed: Path
    drained: Path
    other: Path
    truth: Pairs


@pytest.fixture(autouse=True)
def _time_limit() -> Iterator[None]:
    """A case that hangs fails instead."""

    def stop(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"it hangs: it was stopped after {LIMIT_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """The directories that cases start from; they must not be changed."""
    home = tmp_path_factory.mktemp("good")
    rows = {b"order:%03d" % number: b"paid %03d " % number * 9 for number in range(300)}
    logged = {b"session:%03d" % number: b"since %03d " % number * 20 for number in range(60)}
    with running(home / "data", PATIENT) as stack:
        stack.layer.write_many(("set", key, value) for key, value in rows.items())
        _log(stack, logged)
    shutil.copytree(home / "data", home / "backup")
    with running(home / "data", PATIENT) as stack:
        stack.layer.drain(60)
        stack.layer.set("order:000", b"sent", policy=THROUGH)
        _log(stack, dict.fromkeys(list(logged)[:30], b"later " * 40))
        copy_as_after_a_kill(home / "data", home / "killed")
        truth = dict(stack.layer.items())
    shutil.copytree(home / "data", home / "drained")
    with running(home / "drained") as stack:
        stack.layer.drain(60)
    with running(home / "other", PATIENT) as stack:
        for _ in range(3):
            stack.layer.set("order:1", b"another's")
        _log(stack, dict.fromkeys(logged, b"another's"))
    return Good(
        home / "backup", home / "data", home / "killed", home / "drained", home / "other", truth
    )


@pytest.fixture
def now(good: Good, tmp_path: Path) -> Path:
    """A copy of the good directory after a stop in order, with 30 records in its log."""
    return Path(shutil.copytree(good.now, tmp_path / "data"))


@pytest.fixture
def killed(good: Good, tmp_path: Path) -> Path:
    """The same as a kill leaves it: what is new is in the -wal files."""
    return Path(shutil.copytree(good.killed, tmp_path / "data"))


def _log(stack: Stack, pairs: Pairs) -> None:
    for key, value in pairs.items():
        stack.layer.set(key, value)
