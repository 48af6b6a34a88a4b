"""The database file, damaged, altered, or locked by another process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from engine.scenarios import BEHIND, PATIENT, THROUGH, copy_as_after_a_kill, running

import cachedesk
from cachedesk.core.errors import Damaged, DataDirectoryError, Unavailable
from cachedesk.core.settings import DatabaseSettings, Settings
from cachedesk.stores.sqlite.schema import SCHEMA_VERSION

from .cases import Prepare, Refused, Served, check_refusal, digest, each, refused, sql, truth
from .conftest import Good
from .damage import (
    a_folder_instead,
    a_link_to_nowhere,
    a_pipe_instead,
    remove,
    scribble,
    shorter,
    truncate,
    write,
)

DB = "cachedesk.db"
PAGE = 4096
RESTORE = "restore the whole data directory from one backup"


def do(*statements: str) -> Prepare:
    return lambda data: sql(data / DB, *statements)


def by_another_program(*statements: str) -> Prepare:
    def prepare(data: Path) -> None:
        (data / DB).unlink()
        sql(data / DB, "CREATE TABLE mine (x)", *statements)

    return prepare


def rebuilt(columns: str) -> Prepare:
    """The table ``rows`` made anew by hand."""
    return do(
        "ALTER TABLE rows RENAME TO old",
        f"CREATE TABLE rows ({columns}",
        "INSERT INTO rows (key, value, seq, updated_at)"
        " SELECT key, CAST(value AS BLOB), seq, updated_at FROM old",
        "DROP VIEW readable",
        "DROP TABLE old",
    )


OURS = "key BLOB PRIMARY KEY NOT NULL, value BLOB, seq INTEGER NOT NULL, updated_at REAL NOT NULL"

DAMAGED = [
    refused("no bytes, the log pending", write(DB, b""), Damaged, "do not belong together"),
    refused("deleted", remove(DB), Damaged, "do not belong together", RESTORE),
    refused("a text", write(DB, b"key,value\n" * 512), Damaged, "not a database"),
    refused("zeros", write(DB, bytes(9 * PAGE)), Damaged, DB),
    refused("one byte", lambda data: os.truncate(data / DB, 1), Damaged, "its end is missing"),
    refused("a header only", lambda data: os.truncate(data / DB, 512), Damaged, "malformed"),
    refused("a page only", lambda data: os.truncate(data / DB, PAGE), Damaged, "malformed"),
    refused("half", lambda data: os.truncate(data / DB, 6 * PAGE), Damaged, "malformed", RESTORE),
    refused("without its last page", shorter(DB, PAGE), Damaged, "malformed"),
    refused("without its last byte", shorter(DB, 1), Damaged, "its end is missing"),
    refused("a byte too long", lambda data: append(data / DB, b"x"), Damaged, "its end is missing"),
    refused("random magic", scribble(DB, 0, 16), Damaged, "not a database"),
    refused("random header", scribble(DB, 16, 84), Damaged, DB),
    refused("random schema", scribble(DB, 100, PAGE - 100), Damaged, "malformed"),
    refused("a folder", a_folder_instead(DB), DataDirectoryError, "is a directory"),
    refused("a pipe", a_pipe_instead(DB), DataDirectoryError, "is a pipe"),
    refused("a link to nowhere", a_link_to_nowhere(DB), DataDirectoryError, "a broken symlink"),
    refused("-wal a folder", a_folder_instead(f"{DB}-wal"), DataDirectoryError, "is a directory"),
    refused("another program's", by_another_program(), Damaged, "was not made by cachedesk"),
    refused(
        "another program's with an id",
        by_another_program("PRAGMA application_id=1"),
        Damaged,
        "was not made by cachedesk; choose another --data",
    ),
    refused(
        "another program's with our id",
        by_another_program("PRAGMA application_id=0x63646B31", "PRAGMA user_version=1"),
        Damaged,
        "is missing or was altered",
    ),
    refused("our id taken away", do("PRAGMA application_id=0"), Damaged, "was not made by"),
    refused(
        "the log in its place",
        lambda data: shutil.copy(data / "log" / "log.db", data / DB),
        Damaged,
        "was not made by cachedesk",
    ),
    refused(
        "a newer version",
        do(f"PRAGMA user_version={SCHEMA_VERSION + 1}"),
        Damaged,
        f"this cachedesk knows {SCHEMA_VERSION}; upgrade cachedesk",
    ),
    refused("a version of 0", do("PRAGMA user_version=0"), Damaged, "invalid version 0"),
    refused("a version below 0", do("PRAGMA user_version=-7"), Damaged, "invalid version -7"),
    refused("no rows", do("DROP VIEW readable", "DROP TABLE rows"), Damaged, "table rows"),
    refused("no dead letters", do("DROP TABLE dead"), Damaged, "the table dead", RESTORE),
    refused("no numbers", do("DROP TABLE meta"), Damaged, "the table meta", RESTORE),
    refused("numbers emptied", do("DELETE FROM meta"), Damaged, "lacks live_rows, log_epoch,"),
    refused("no epoch", do("DELETE FROM meta WHERE name='log_epoch'"), Damaged, "lacks log_epoch"),
    refused("no seq", do("DELETE FROM meta WHERE name='newest_seq'"), Damaged, "lacks newest_seq"),
    refused(
        "another epoch", do("UPDATE meta SET number=5 WHERE name='log_epoch'"), Damaged, RESTORE
    ),
    refused(
        "an older seq",
        do("UPDATE meta SET number=300 WHERE name='newest_seq'"),
        Damaged,
        "has lost writes up to 361 (it ends at 300)",
    ),
    refused(
        "an older seq of the log",
        do("UPDATE meta SET number=9 WHERE name='log_seq'"),
        Damaged,
        "has lost writes up to 360 (it ends at 9)",
    ),
    refused(
        "opened elsewhere since",
        do("UPDATE meta SET number=5 WHERE name='openings'"),
        Damaged,
        "do not belong together",
    ),
    refused(
        "a column renamed",
        do("DROP VIEW readable", "ALTER TABLE rows RENAME seq TO s"),
        Damaged,
        "table rows",
    ),
    refused(
        "a column of text",
        rebuilt(OURS.replace("value BLOB", "value ANY") + ") STRICT"),
        Damaged,
        "table rows",
    ),
    refused("not strict", rebuilt(f"{OURS})"), Damaged, "table rows", "was altered"),
    refused(
        "no key", rebuilt(OURS.replace("PRIMARY KEY ", "") + ") STRICT"), Damaged, "table rows"
    ),
]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@each(DAMAGED)
def test_a_damaged_database_is_refused(case: Refused, now: Path) -> None:
    case.prepare(now)
    check_refusal(case, lambda: cachedesk.open(now).close(), now)


KILLED = [
    refused("no -wal", remove(f"{DB}-wal", f"{DB}-shm"), Damaged, "has lost writes up to 361"),
    refused("-wal of no bytes", write(f"{DB}-wal", b""), Damaged, "has lost writes"),
    refused("-wal random", scribble(f"{DB}-wal", 0, 9_999), Damaged, "has lost writes"),
    refused("a fifth of the -wal", truncate(f"{DB}-wal", 0.2), Damaged, RESTORE),
    refused("a -wal that is all", write(DB, b""), Damaged, "was emptied"),
    refused("deleted, but for its -wal", remove(DB), Damaged, "do not belong together"),
]


@each(KILLED)
def test_a_damaged_database_of_a_killed_process_is_refused(case: Refused, killed: Path) -> None:
    case.prepare(killed)
    check_refusal(case, lambda: cachedesk.open(killed).close(), killed)


def moved_behind_a_link(data: Path) -> None:
    for file in data.glob(f"{DB}*"):
        file.rename(data.parent / file.name)
    (data / DB).symlink_to(data.parent / DB)


HARMLESS = [
    Served("a table of the user's", do("CREATE TABLE mine (x)", "INSERT INTO mine VALUES (1)")),
    Served("a view and an index", do("CREATE VIEW v AS SELECT 1", "CREATE INDEX i ON rows (seq)")),
    Served("a column more", do("ALTER TABLE rows ADD mine TEXT")),
    Served("a column with a default", do("ALTER TABLE rows ADD mine INT NOT NULL DEFAULT 5")),
    Served("the view dropped", do("DROP VIEW readable")),
    Served("the index dropped", do("DROP INDEX tombstones")),
    Served("vacuumed", do("VACUUM")),
    Served("its journal no -wal", do("PRAGMA journal_mode=DELETE")),
    Served("a number of the user's", do("INSERT INTO meta VALUES ('mine', 5)")),
    Served("behind a link", moved_behind_a_link),
    Served("no -shm", remove(f"{DB}-shm")),
    Served("-shm random", scribble(f"{DB}-shm", 0, 30_000)),
]


@each(HARMLESS)
def test_what_does_not_matter_is_served(case: Served, killed: Path, good: Good) -> None:
    case.prepare(killed)
    assert truth(killed) == good.truth
    with cachedesk.open(killed) as cache:
        cache.write_many([("incr", "order:new"), ("incr", "views:new"), ("delete", "session:000")])
        cache.drain(60)
        assert cache.get_many(["order:new", "views:new", "session:000"]) == [b"1", b"1", None]


def test_a_page_that_cannot_be_read_costs_its_keys_and_no_others(now: Path, good: Good) -> None:
    raw = bytearray((now / DB).read_bytes())
    place = raw.index(good.truth[b"order:150"])
    start = place // PAGE * PAGE
    lost = {it for it in good.truth if good.truth[it] in raw[start : start + PAGE]}
    raw[start : start + PAGE] = b"\xa5" * PAGE
    (now / DB).write_bytes(bytes(raw))
    with running(now, PATIENT) as stack:
        unreadable, said = set(), set()
        for it, value in good.truth.items():
            try:
                assert stack.layer.get(it) == value
            except Unavailable as error:
                unreadable.add(it)
                said.add(str(error))
        assert all("malformed" in it for it in said)
        assert unreadable
        assert unreadable <= lost
        with pytest.raises(Unavailable, match=r"cannot be listed: .* malformed"):
            dict(stack.layer.items())
        with pytest.raises(Unavailable, match="malformed"):
            stack.layer.incr(min(unreadable), policy=THROUGH)
        stack.layer.set(min(unreadable), b"known again", policy=BEHIND)
        assert stack.layer.get(min(unreadable)) == b"known again"
        with pytest.raises(Unavailable, match="still pending"):
            stack.layer.drain(0.3)
        assert stack.snapshot().books.balanced
        assert stack.snapshot().worker.last_error


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(path: Path, *statements: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *statements],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        process.communicate()


EXCLUSIVE = ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE")


@pytest.mark.parametrize("file", [DB, "log/log.db"])
def test_a_file_that_another_program_has_for_itself_is_refused(now: Path, file: str) -> None:
    before = digest(now)
    with (
        held_by_another_process(now / file, *EXCLUSIVE),
        pytest.raises(DataDirectoryError, match="locked"),
    ):
        cachedesk.open(now).close()
    assert digest(now) == before


def test_a_lock_for_long_stops_only_write_through(now: Path, good: Good) -> None:
    settings = Settings(database=DatabaseSettings(write_seconds=2.0))
    with (
        held_by_another_process(now / DB, "BEGIN IMMEDIATE"),
        cachedesk.open(now, settings=settings) as cache,
    ):
        assert dict(cache.items()) == good.truth
        assert cache.incr("views:1") == 1
        with pytest.raises(Unavailable, match=r"busy|locked"):
            cache.set("order:000", b"x")
        assert cache.get("order:000") == good.truth[b"order:000"]
    assert truth(now) == {**good.truth, b"views:1": b"1"}


def test_somebody_who_reads_for_long_changes_nothing(now: Path, good: Good) -> None:
    with held_by_another_process(now / DB, "BEGIN", "SELECT count(*) FROM rows"):
        for _ in range(3):
            with cachedesk.open(now) as cache:
                cache.incr("views:1")
                cache.drain(60)
                assert dict(cache.items()).items() >= good.truth.items()
    assert truth(now) == {**good.truth, b"views:1": b"3"}


def test_a_file_of_no_bytes_without_a_past_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / DB).touch()
    with cachedesk.open(tmp_path) as cache:
        assert cache.incr("views:1") == 1


def test_a_file_that_is_deleted_while_it_is_open_is_never_replaced_by_an_empty_one(
    now: Path, good: Good
) -> None:
    with cachedesk.open(now) as cache:
        for file in now.glob(f"{DB}*"):
            file.rename(now.parent / file.name)
        for key, value in list(good.truth.items())[:50]:
            with suppress(Unavailable):
                assert cache.get(key) == value
        assert cache.incr("views:1") == 1
    assert not (now / DB).exists()
    for file in now.parent.glob(f"{DB}*"):
        file.rename(now / file.name)
    assert truth(now).items() >= good.truth.items()


@pytest.mark.parametrize("policy", [THROUGH, BEHIND])
@pytest.mark.parametrize("gone", [DB, f"{DB}-wal"])
def test_a_lost_database_is_noticed_whatever_was_in_it(
    gone: str, policy: str, tmp_path: Path
) -> None:
    """A single write, by either path, and a log that is drained."""
    with running(tmp_path / "data") as stack:
        stack.layer.set("key", b"x", policy=policy)
        stack.layer.drain(60)
        copy_as_after_a_kill(tmp_path / "data", tmp_path / "copy")
    for path in (tmp_path / "copy").glob(f"{gone}*"):
        path.unlink()
    with pytest.raises(Damaged):
        cachedesk.open(tmp_path / "copy").close()
