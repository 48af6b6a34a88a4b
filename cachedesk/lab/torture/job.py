"""The job of one process under test: everything that determines what it does, as values."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

Base = list[tuple[int, bytes | None]]
"""Each key's version and value as the judge last found them."""


class Injection(msgspec.Struct, frozen=True):
    """An injection into the system calls of one thread.

    ``thread``: ``main`` (opens, calls and closes) or ``worker`` (flushes). ``call``: the kind of
    system call. ``action``: ``kill`` (SIGKILL instead of the call), ``EIO`` or ``ENOSPC`` (the call
    fails). ``number``: the number of the thread's call, from 1; ``stays``: that one and every later
    one.
    """

    thread: Literal["main", "worker"]
    call: str
    action: Literal["kill", "EIO", "ENOSPC"]
    number: int
    stays: bool = False

    @property
    def series(self) -> str:
        """The name of the series of injections that differ only in their number."""
        return f"{self.thread} {self.call} {self.action}{' for good' if self.stays else ''}"


class Job(msgspec.Struct, frozen=True):
    """What one process does, and how it is killed.

    ``work``: ``free`` (clients at full speed, random settings and faults, for ``seconds``),
    ``script`` (always the same calls, one after another) or ``boot`` (open, and close again).
    ``failpoints`` are armed before the stack is opened, as ``point=terms;…``; ``kill_after``: the
    seconds after which the judge kills it; ``injection``: of strace; ``drain_seed``: of the
    settings with which the judge drains afterwards, if it does.
    """

    plan_seed: int
    cycle_seed: int
    work: Literal["free", "script", "boot"]
    seconds: float = 0.0
    failpoints: str = ""
    kill_after: float | None = None
    injection: Injection | None = None
    drain_seed: int | None = None


@dataclass(frozen=True, slots=True)
class TorturePaths:
    """The files of a torture: the data directory, and the judge's own beside it."""

    folder: Path
    sockets: Path
    """Where the process under test creates its private folders; short enough for a socket."""

    @property
    def data(self) -> Path:
        """The data directory under test."""
        return self.folder / "data"

    @property
    def expected(self) -> Path:
        """The expected state."""
        return self.folder / "expected"

    @property
    def hits(self) -> Path:
        """How often each failpoint was hit."""
        return self.folder / "hits"

    @property
    def trace(self) -> Path:
        """The output of strace."""
        return self.folder / "trace"

    @property
    def before(self) -> Path:
        """The data directory as it was before the cycle."""
        return self.folder / "before"

    @property
    def examined(self) -> Path:
        """The copy that the judge examines."""
        return self.folder / "examined"


class State(NamedTuple):
    """A saved state to start a cycle from: a copy of the data directory, and its expected state."""

    data: Path
    image: bytes
    base: Base


def copy_files(source: Path, target: Path) -> None:
    """Replace the contents of the folder ``target`` with those of ``source``. The folder itself is
    kept, because a data directory is identified by its inode."""
    target.mkdir(parents=True, exist_ok=True)
    empty(target)
    if source.exists():
        shutil.copytree(source, target, dirs_exist_ok=True)


def empty(folder: Path) -> None:
    """Remove everything in ``folder``."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
