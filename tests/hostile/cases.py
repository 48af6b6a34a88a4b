"""What a hostile case is: a name, a way to prepare it, and the only end that it may have."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cachedesk

Prepare = Callable[[Path], object]
Digest = dict[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Must end in one error of the class ``error``, in one line with ``words`` in it, and with
    nothing changed on disk."""

    name: str
    prepare: Prepare
    error: type[Exception]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """Must end in exact service."""

    name: str
    prepare: Prepare


def refused(name: str, prepare: Prepare, error: type[Exception], *words: str) -> Refused:
    """Return the case in a short form."""
    return Refused(name, prepare, error, words)


def each(cases: Iterable[Any]) -> pytest.MarkDecorator:
    """Make each case a test of its own."""
    return pytest.mark.parametrize("case", list(cases), ids=lambda case: case.name)


def digest(folder: Path) -> Digest:
    """Return what is in ``folder``: each entry's kind and content.

    Without the lock file, which says who had the directory last, and without SQLite's ``-shm``
    files, which are memory that happens to have a name. A ``-wal`` file of no bytes is none.
    """
    entries = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        kind, size = path.lstat().st_mode, path.lstat().st_size
        empty_wal = name.endswith("-wal") and stat.S_ISREG(kind) and size == 0
        if path.name == "lock" or name.endswith("-shm") or empty_wal:
            continue
        content = ""
        if stat.S_ISREG(kind):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif stat.S_ISLNK(kind):
            content = os.readlink(path)
        entries[name] = f"{stat.S_IFMT(kind):o} {content}"
    return entries


def check_refusal(case: Refused, call: Callable[[], object], kept: Path) -> None:
    """Run ``call``, which must end as ``case`` says and leave everything in ``kept`` as it is."""
    before = digest(kept)
    with pytest.raises(case.error) as caught:
        call()
    check_message(str(caught.value), case.words)
    assert digest(kept) == before


def check_message(message: str, words: Iterable[str]) -> None:
    """See that ``message`` is one line of a bearable length that says all ``words``."""
    for word in words:
        assert word in message
    assert "\n" not in message
    assert 10 < len(message) < 1_000


def truth(data: Path, settings: cachedesk.Settings | None = None) -> dict[bytes, bytes]:
    """Open ``data`` and return every key with its value, as listed and as read one by one."""
    with cachedesk.open(data, settings=settings) as cache:
        listed = dict(cache.items())
        assert dict(zip(listed, cache.get_many(listed), strict=True)) == listed
        assert cache.snapshot().books.balanced
    return listed


def sql(path: Path, *statements: str) -> None:
    """Do ``statements`` to the SQLite file at ``path``, and leave no side files."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def put_record(data: Path, number: int, record: bytes | str | int | None) -> None:
    """Replace the log's record ``number``."""
    connection = sqlite3.connect(data / "log" / "log.db")
    with connection:
        changed = connection.execute(
            "UPDATE queue_events SET data=? WHERE _id=?", (record, number)
        ).rowcount
    connection.close()
    assert changed == 1
