"""Files that are taken away from a running stack: it stops acknowledging, and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.scenarios import BEHIND, THROUGH, running
from engine.until import until

from cachedesk.core.errors import OutcomeUnknown, Unavailable
from cachedesk.core.snapshot import Health
from cachedesk.stack.stack import Stack

from .cases import each, truth


@dataclass(frozen=True, slots=True)
class Taken:
    """``stops``: the paths that must not go on; ``named``: the file that must be named."""

    name: str
    take: Callable[[Path], object]
    put_back: Callable[[Path], object] | None
    stops: tuple[str, ...]
    named: str


def aside(name: str) -> tuple[Callable[[Path], object], Callable[[Path], object]]:
    return (
        lambda data: (data / name).rename(data.parent / "aside"),
        lambda data: (data.parent / "aside").rename(data / name),
    )


def replaced(name: str) -> Callable[[Path], object]:
    def replace(data: Path) -> None:
        shutil.copy(data / name, data / "copy")
        os.replace(data / "copy", data / name)

    return replace


def moved(data: Path) -> None:
    data.rename(data.parent / "moved")


def moved_back(data: Path) -> None:
    (data.parent / "moved").rename(data)


TAKEN = [
    Taken("the database", *aside("cachedesk.db"), (THROUGH,), "cachedesk.db"),
    Taken("its -wal", *aside("cachedesk.db-wal"), (THROUGH,), "cachedesk.db-wal"),
    Taken("its -shm", *aside("cachedesk.db-shm"), (THROUGH,), "cachedesk.db-shm"),
    Taken("the log", *aside("log/log.db"), (BEHIND,), "log.db"),
    Taken("the log's -wal", *aside("log/log.db-wal"), (BEHIND,), "log.db-wal"),
    Taken("the log's folder", *aside("log"), (BEHIND,), "log.db"),
    Taken("the witness", *aside("log/witness"), (BEHIND,), "witness"),
    Taken("a copy in its place", replaced("cachedesk.db"), None, (THROUGH,), "was replaced"),
    Taken("all", moved, moved_back, (THROUGH, BEHIND), "was removed or moved"),
    Taken(
        "the witness cut",
        lambda data: os.truncate(data / "log" / "witness", 0),
        None,
        (BEHIND,),
        "witness was truncated",
    ),
]


def write_until_refused(stack: Stack, path: str) -> list[str]:
    """Write, and return what was acknowledged and what was logged; the first may be unknown."""
    said = []
    for number in range(20):
        try:
            stack.layer.set(f"{path}:{number}", b"x", policy=path)
        except (Unavailable, OutcomeUnknown) as error:
            said.append(str(error))
        else:
            said.append("acknowledged")
    return said


@each(TAKEN)
def test_nothing_is_acknowledged_into_a_file_that_is_not_there(case: Taken, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as stack:
        stack.layer.write_many([("set", "order:1", b"paid"), ("incr", "views:1", 5)])
        stack.layer.drain(10)
        case.take(data)
        for path in (THROUGH, BEHIND):
            said = write_until_refused(stack, path)
            if path in case.stops:
                assert all(case.named in it for it in said), said
            else:
                assert set(said) == {"acknowledged"}
        until(lambda: any(case.named in event.text for event in stack.snapshot().events))
        down = {"database": THROUGH, "log": BEHIND}
        for store, path in down.items():
            state = getattr(stack.snapshot(), store)
            if path in case.stops:
                assert (state.health, state.word) == (Health.DOWN, "file gone")
            else:
                assert state.health == Health.UP
        assert stack.layer.get("order:1") == b"paid"
        if case.put_back is not None:
            case.put_back(data)
            until(lambda: all(getattr(stack.snapshot(), it).health == Health.UP for it in down))
            stack.layer.write_many([("incr", "order:n"), ("incr", "views:1")])
            stack.layer.drain(10)
            assert stack.snapshot().books.balanced
    if case.put_back is not None:
        found = truth(data)
        assert (found[b"order:1"], found[b"views:1"], found[b"order:n"]) == (b"paid", b"6", b"1")
