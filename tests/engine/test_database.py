"""The database: the schema, safe transactions, and foreign files left as they are."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlite_utils

from cachedesk.core.errors import Damaged, DatabaseBusy, DatabaseError
from cachedesk.core.events import ABSENT, COUNTER_MAX, COUNTER_MIN, Entry, Op, Refusal, WriteEvent
from cachedesk.core.failpoints import ComponentCrash
from cachedesk.stores.sqlite.schema import APPLICATION_ID, SCHEMA_VERSION
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase

from . import scenarios
from .scenarios import running, soon
from .until import Task, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cachedesk.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    yield database
    database.close()


def write(database: SqliteDatabase, rows: dict[bytes, Entry]) -> None:
    with database.transaction(soon()) as transaction:
        transaction.rows(list(rows))
        transaction.write(rows)


def test_the_schema_is_ours_and_strict(database: SqliteDatabase, path: Path) -> None:
    seen = sqlite_utils.Database(path)
    assert set(seen.table_names()) == {"rows", "dead", "attempts", "meta"}
    assert seen.view_names() == ["readable"]
    assert seen.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert seen.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert all(seen.table(name).strict for name in seen.table_names())
    seen.close()


def test_it_is_safe_against_power_cuts(tmp_path: Path) -> None:
    scenarios.database_is_safe_against_power_cuts(tmp_path)


def test_what_was_written_is_read(database: SqliteDatabase) -> None:
    rows = {
        b"a": Entry(b"1", 5),
        b"b": Entry(b"", 6),
        b"c": Entry(None, 7),
        b"\x00\xff": Entry(b"\xff", 8),
    }
    write(database, rows)
    assert database.read(b"a") == Entry(b"1", 5)
    assert database.read(b"none") == ABSENT
    assert database.read_many([*rows, b"none"]) == rows
    write(database, {b"a": Entry(b"2", 9)})
    assert database.read(b"a") == Entry(b"2", 9)


def test_keys_are_bytes_and_nothing_else(database: SqliteDatabase, path: Path) -> None:
    write(database, {b"1": Entry(b"bytes", 1)})
    other = sqlite3.connect(path)
    count = "SELECT count(*) FROM rows WHERE key=?"
    assert other.execute(count, (b"1",)).fetchone() == (1,)
    assert other.execute(count, ("1",)).fetchone() == (0,)
    assert other.execute(count, (1,)).fetchone() == (0,)
    for wrong in ("1", 1):
        with pytest.raises(sqlite3.IntegrityError):
            other.execute("INSERT INTO rows VALUES (?, x'00', 1, 0.0, NULL)", (wrong,))
    for wrong in ("text", 5, 1.5):
        with pytest.raises(sqlite3.IntegrityError):
            other.execute("INSERT INTO rows VALUES (x'00', ?, 1, 0.0, NULL)", (wrong,))
    other.close()


@pytest.mark.parametrize("number", [COUNTER_MIN, COUNTER_MAX, 0, -1])
def test_counters_at_the_edges_stay_exact(database: SqliteDatabase, number: int) -> None:
    write(database, {b"counter": Entry(b"%d" % number, COUNTER_MAX)})
    assert database.read(b"counter") == Entry(b"%d" % number, COUNTER_MAX)


def test_the_readable_view_shows_text(database: SqliteDatabase, path: Path) -> None:
    write(
        database,
        {"é".encode(): Entry("ü".encode(), 1), b"gone": Entry(None, 2), b"a": Entry(b"5", 3)},
    )
    other = sqlite3.connect(path)
    shown = other.execute("SELECT key, value, seq, updated_utc FROM readable").fetchall()
    other.close()
    assert [row[:3] for row in shown] == [("a", "5", 3), ("é", "ü", 1)]
    assert shown[0][3].startswith(time.strftime("%Y-", time.gmtime()))


def test_scan_is_sorted_by_bytes_with_tombstones(database: SqliteDatabase) -> None:
    keys = [b"b", b"a", b"\xff", b"\x00", b"B", b"ab", b"a\x00", "é".encode()]
    write(database, {key: Entry(None if key == b"B" else key, n) for n, key in enumerate(keys, 1)})
    scanned = list(database.scan())
    assert [key for key, _ in scanned] == sorted(keys)
    assert dict(scanned)[b"B"].value is None


def test_scan_is_of_one_instant_over_many_pages(database: SqliteDatabase) -> None:
    write(database, {b"%05d" % n: Entry(b"old", 1) for n in range(5_000)})
    scan = database.scan()
    first = next(scan)
    write(database, {b"%05d" % n: Entry(b"new", 2) for n in range(5_000)})
    assert {row for _, row in [first, *scan]} == {Entry(b"old", 1)}
    assert {row for _, row in database.scan()} == {Entry(b"new", 2)}


def test_a_scan_that_is_given_up_holds_nothing(database: SqliteDatabase, path: Path) -> None:
    write(database, {b"%05d" % n: Entry(b"x", 1) for n in range(3_000)})
    scan = database.scan()
    next(scan)
    scan.close()
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()


def test_rows_and_what_goes_with_them_are_one_fact(database: SqliteDatabase) -> None:
    event = WriteEvent(9, Op.INCR, b"bad", 5, 1.0)

    def fail_at_the_end() -> None:
        with database.transaction(soon()) as transaction:
            transaction.rows([b"a"])
            transaction.write({b"a": Entry(b"x", 1)})
            transaction.bury([Refusal(event, "no")])
            transaction.note("log_seq", 9)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_the_end()
    assert database.read(b"a") == ABSENT
    assert database.numbers()["log_seq"] == 0
    assert database.count() == (0, 0)
    with database.transaction(soon()) as transaction:
        transaction.bury([Refusal(event, "no")])
        transaction.note("log_seq", 9)
        assert transaction.dead_between(1, 20) == {9}
        assert transaction.dead_between(10, 20) == set()
    assert database.numbers()["log_seq"] == 9
    assert database.count() == (0, 1)


def test_live_rows_are_counted_exactly(database: SqliteDatabase) -> None:
    write(database, {b"%d" % n: Entry(b"x", n) for n in range(1, 11)})
    write(database, {b"1": Entry(None, 11), b"2": Entry(b"y", 12), b"new": Entry(None, 13)})
    write(database, {b"1": Entry(None, 14), b"new": Entry(b"x", 15)})
    assert database.count()[0] == 10
    assert database.count()[0] == sum(row.value is not None for _, row in database.scan())


def test_old_tombstones_are_trimmed_and_newer_ones_kept(database: SqliteDatabase) -> None:
    write(database, {b"%d" % n: Entry(None if n % 2 else b"x", n) for n in range(1, 21)})
    assert database.trim(10, soon()) == 5
    assert database.trim(10, soon()) == 0
    assert [row.seq for _, row in database.scan() if row.value is None] == [11, 13, 15, 17, 19]
    assert database.count()[0] == 10


def test_a_trim_has_a_limit(database: SqliteDatabase) -> None:
    write(database, {b"%d" % n: Entry(None, n) for n in range(1, 2_501)})
    assert [database.trim(COUNTER_MAX, soon()) for _ in range(4)] == [1_000, 1_000, 500, 0]


def test_a_lock_is_waited_for_until_the_deadline(database: SqliteDatabase, path: Path) -> None:
    write(database, {b"a": Entry(b"old", 1)})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(DatabaseBusy, match="locked by another connection"),
        database.transaction(time.monotonic() + 0.05) as transaction,
    ):
        transaction.write({b"a": Entry(b"never", 2)})
    assert database.read(b"a") == Entry(b"old", 1), "a reader does not wait for a writer"
    waiting = Task(write, database, {b"a": Entry(b"new", 3)})
    until(lambda: database._writing.locked() and database._locked_out)
    with (
        pytest.raises(DatabaseBusy, match="locked by another connection"),
        database.transaction(time.monotonic() + 0.02),
    ):
        pass
    other.execute("ROLLBACK")
    waiting.result()
    other.close()
    assert database.read(b"a") == Entry(b"new", 3)


def test_one_writer_at_a_time_and_the_deadline_holds_for_it_too(database: SqliteDatabase) -> None:
    with (
        database.transaction(soon()),
        pytest.raises(DatabaseBusy, match="busy with another write"),
        database.transaction(time.monotonic() + 0.02),
    ):
        pass
    with database.transaction(soon()):
        assert not database._locked_out, "no lock of another is to blame any more"


def test_a_crash_in_a_transaction_leaves_nothing_and_the_next_one_works(
    database: SqliteDatabase,
) -> None:
    write(database, {b"a": Entry(b"old", 1)})

    def crash() -> None:
        with database.transaction(soon()) as transaction:
            transaction.rows([b"a"])
            transaction.write({b"a": Entry(b"half", 2)})
            raise ComponentCrash

    for _ in range(3):
        with pytest.raises(ComponentCrash):
            crash()
        assert database.read(b"a") == Entry(b"old", 1)
    write(database, {b"a": Entry(b"new", 3)})
    assert database.read(b"a") == Entry(b"new", 3)


def test_a_full_disk_is_an_error_that_changes_nothing(database: SqliteDatabase) -> None:
    write(database, {b"a": Entry(b"old", 1)})
    assert database._writer is not None
    pages = database._writer.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DatabaseError, match="full"):
        write(database, {b"a": Entry(b"x" * 500_000, 2)})
    assert database.read(b"a") == Entry(b"old", 1)
    write(database, {b"a": Entry(b"small", 3)})


def test_after_close_it_does_not_answer(path: Path) -> None:
    database = SqliteDatabase(path)
    write(database, {b"a": Entry(b"x", 1)})
    database.close()
    database.close()
    with pytest.raises(DatabaseError, match="closed"):
        database.read(b"a")
    with pytest.raises(DatabaseError, match="closed"):
        write(database, {b"a": Entry(b"y", 2)})
    assert not path.with_name("cachedesk.db-wal").exists(), "everything is in the one file"


def test_closing_ends_the_wait_for_a_lock(path: Path) -> None:
    database = SqliteDatabase(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = Task(write, database, {b"a": Entry(b"x", 1)})
    until(database._writing.locked)
    database.close()
    with pytest.raises(DatabaseError, match="closed"):
        waiting.result()
    other.close()


def test_reopening_keeps_everything(path: Path) -> None:
    for seq in range(1, 4):
        database = SqliteDatabase(path)
        assert database.count()[0] == seq - 1
        write(database, {b"%d" % seq: Entry(b"x", seq)})
        database.close()


def made_by_another_program(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.execute("INSERT INTO mine VALUES ('precious')")
    other.commit()
    other.close()


def of_another_application(path: Path) -> None:
    made_by_another_program(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA application_id=12345")
    other.close()


def of_a_newer_version(path: Path) -> None:
    SqliteDatabase(path).close()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 500)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (made_by_another_program, "not made by cachedesk"),
        (of_another_application, "not made by cachedesk"),
        (of_a_newer_version, "of version 4, this cachedesk knows 3; upgrade cachedesk"),
        (garbage, "cannot be opened: file is not a database"),
    ],
    ids=lambda it: it.__name__ if callable(it) else None,
)
def test_a_foreign_file_is_refused_and_not_changed(path: Path, make: object, message: str) -> None:
    make(path)  # type: ignore[operator]
    before = path.read_bytes()
    with pytest.raises(Damaged, match=message):
        SqliteDatabase(path)
    assert path.read_bytes() == before
    assert [it.name for it in path.parent.iterdir()] == [path.name]


def test_the_path_may_be_any_text(tmp_path: Path) -> None:
    folder = tmp_path / "ünï #1 ?mode=ro&x=%20"
    with running(folder) as stack:
        stack.layer.set("order:1", b"x")
        stack.layer.evict("*")
        assert stack.layer.get("order:1") == b"x"
