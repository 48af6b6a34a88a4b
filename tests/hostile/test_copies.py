"""Copies of a running data directory, made file by file: refused, or whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from engine.scenarios import PATIENT, running

import cachedesk
from cachedesk.core.errors import Damaged
from cachedesk.stack.stack import Stack
from cachedesk.stores.files.wal_file import numbers_in, read_wal

from .cases import check_refusal, refused, truth

DATABASE, DATABASE_WAL = "cachedesk.db", "cachedesk.db-wal"
LOG, LOG_WAL, WITNESS = "log/log.db", "log/log.db-wal", "log/witness"
FILES = (DATABASE, DATABASE_WAL, LOG, LOG_WAL, WITNESS)


def take(source: Path, copy: Path, *names: str) -> None:
    (copy / "log").mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(source / name, copy / name)


def flush(stack: Stack) -> None:
    """Write both ways and flush, so that every file changes and the log drops events."""
    stack.layer.write_many([("set", b"session:%d" % it, b"x" * 500) for it in range(100)])
    stack.layer.incr("order:count")
    stack.layer.drain(60)


def begin_again(path: Path) -> None:
    """Have SQLite move the ``-wal`` file into the database file, and write it from its start."""
    connection = sqlite3.connect(path)
    busy, _, moved = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    connection.close()
    assert (busy, moved > 0) == (0, True)


def move_pages(stack: Stack) -> None:
    flush(stack)
    begin_again(stack.place.path / DATABASE)
    begin_again(stack.place.path / LOG)
    flush(stack)


@pytest.mark.parametrize("later", [DATABASE, DATABASE_WAL, LOG, LOG_WAL])
def test_a_file_that_was_copied_after_pages_were_moved_is_noticed(
    later: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with running(tmp_path / "data") as stack:
        flush(stack)
        take(tmp_path / "data", copy, *FILES)
        move_pages(stack)
        take(tmp_path / "data", copy, later)
    case = refused("torn", lambda _: None, Damaged, "restore the whole data directory")
    check_refusal(case, lambda: open_it(copy), copy)


@pytest.mark.parametrize("later", [DATABASE, DATABASE_WAL, LOG])
def test_a_file_that_was_copied_later_but_goes_on_from_the_others_is_whole(
    later: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with running(tmp_path / "data") as stack:
        flush(stack)
        take(tmp_path / "data", copy, *FILES)
        before = dict(stack.layer.items())
        flush(stack)
        take(tmp_path / "data", copy, later)
        after = dict(stack.layer.items())
    assert truth(copy) in (before, after)


def open_it(data: Path) -> None:
    cachedesk.open(data).close()


def test_a_log_that_let_go_of_what_the_database_lacks_is_refused(tmp_path: Path) -> None:
    """The watermarks file was copied with the database, so only the log itself shows it."""
    copy = tmp_path / "copy"
    with running(tmp_path / "data", PATIENT) as stack:
        flush(stack)
        stack.layer.set("session:1", b"pending")
        take(tmp_path / "data", copy, DATABASE, DATABASE_WAL, WITNESS)
        stack.layer.drain(60)
        stack.layer.set("session:2", b"later")
        take(tmp_path / "data", copy, LOG, LOG_WAL)
    case = refused("torn", lambda _: None, Damaged, "is older than the write-behind log")
    check_refusal(case, lambda: open_it(copy), copy)


def test_log_first_is_whole(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with running(tmp_path / "data", PATIENT) as stack:
        flush(stack)
        stack.layer.set("session:1", b"pending")
        stack.layer.incr("views:1", 5)
        before = dict(stack.layer.items())
        take(tmp_path / "data", copy, WITNESS, LOG, LOG_WAL)
        stack.layer.drain(60)
        stack.layer.incr("views:1", 5)
        stack.layer.drain(60)
        take(tmp_path / "data", copy, DATABASE, DATABASE_WAL)
    assert truth(copy) == {**before, b"views:1": b"10"}


@pytest.mark.parametrize("file", [DATABASE, LOG])
def test_a_file_that_lost_its_end_beside_its_wal_is_refused_as_it_is(
    file: str, tmp_path: Path
) -> None:
    """Of each length that it can have had."""
    whole = tmp_path / "whole"
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.write_many([("set", b"order:%d" % it, b"x" * 600) for it in range(60)])
        stack.layer.write_many([("set", b"session:%d" % it, b"x" * 600) for it in range(60)])
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.set("order:1", b"new")
        stack.layer.set("session:1", b"new")
        take(tmp_path / "data", whole, *FILES)
        expected = dict(stack.layer.items())
    size = (whole / file).stat().st_size
    kept = [*range(4096, size, 4096), size - 1, size - 4096 + 512, 512]
    ends = set()
    case = refused("cut", lambda _: None, Damaged)
    for number, length in enumerate(kept):
        copy = tmp_path / f"cut-{number}"
        shutil.copytree(whole, copy)
        os.truncate(copy / file, length)
        try:
            check_refusal(case, partial(open_it, copy), copy)
            ends.add("refused")
        except pytest.fail.Exception:
            assert truth(copy) == expected
            ends.add("whole")
    assert "refused" in ends


def test_what_is_read_of_a_wal_file_is_what_sqlite_reads(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE numbers (name TEXT PRIMARY KEY, number INTEGER NOT NULL)")
    amounts = [0, 1, -1, 127, 200, -70_000, 2**31, -(2**40), 2**63 - 1]
    rows = {f"the number {place}": amount for place, amount in enumerate(amounts)}
    connection.executemany("INSERT INTO numbers VALUES (?, ?)", rows.items())
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("UPDATE numbers SET number=7 WHERE name='the number 4'")
    connection.execute("UPDATE numbers SET number=8 WHERE name='the number 4'")
    connection.execute("CREATE TABLE more AS SELECT zeroblob(50000)")
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name='numbers'"
    ).fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    wal = read_wal(path.with_name("file.db-wal"))
    assert wal is not None
    assert wal.pages == pages
    assert not wal.lacks(path.stat().st_size)
    assert wal.lacks(path.stat().st_size - 4096)
    oldest = wal.oldest(root)
    assert oldest is not None
    assert numbers_in(oldest) == {**rows, "the number 4": 7}
    connection.close()
    assert numbers_in(b"") is None
    assert numbers_in(b"\x0d" + b"\xff" * 100) is None
