"""Preflight: a read-only check of the files of a data directory before anything opens them.

Opening a file already changes it: SQLite initializes an empty file and moves a ``-wal`` file into
its database. So a file that is damaged, foreign, or from another backup than the rest is detected
here first, and the error leaves every byte unchanged (promise 9).

Three facts are stored in two files each, so that replacing one file is detected: which log the
database belongs to, how often both were opened together, and how far the log was acked.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from cachedesk.core.errors import Damaged, OtherVersion
from cachedesk.stores.files.connections import not_opened
from cachedesk.stores.files.continuity import check_continuity
from cachedesk.stores.files.layout import DirectoryLayout
from cachedesk.stores.files.read_only import ADVICE, MADE_EARLY, OR_RECOVER, has_wal, looking_at
from cachedesk.stores.files.watermarks import WatermarkRecord, read_watermarks
from cachedesk.stores.queue_log.queue import MARKS
from cachedesk.stores.queue_log.record import decode
from cachedesk.stores.sqlite.schema import ADDED_IN, APPLICATION_ID, SCHEMA_VERSION, TABLES

_LOG_TABLE = "queue_events"
_LOG_COLUMNS = {"_id", "data", "timestamp"}
_NUMBERS = {"newest_seq", "log_seq", "log_epoch", "live_rows"}
_ADDED_EARLY = {"live_rows"}
_DATABASE_STEPS = {"meta": {"commits": 1, "openings": 1, "log_epoch": None}}
# A put while the fault log.full was active may have counted twice.
_LOG_STEPS = {"sqlite_sequence": {_LOG_TABLE: 2}, MARKS: {"acks": 1}}

_SQL_TYPES = {bytes: "BLOB", int: "INTEGER", str: "TEXT", float: "REAL"}

Columns = dict[str, tuple[str, int]]


class Disordered(Damaged):
    """Events of the log are out of order, as if two processes had written it at the same time. Its
    numbers then say nothing: an event with the number of another one is taken as applied, or never
    is, so the log would not drain."""


class LogFacts(NamedTuple):
    """The seq of the newest event in the log, and the seq up to which the log was acked."""

    newest_seq: int
    acked_seq: int


def check_directory(directory: DirectoryLayout) -> None:
    """Check that the files in ``directory`` are cachedesk's, undamaged, and belong together.

    Raises:
        Damaged: they are not; nothing was changed.
        DataDirectoryError: a file is locked or cannot be opened.
    """
    try:
        _examine(directory)
    except OSError as error:
        raise not_opened(f"the data directory {directory.path}", error) from error


def _examine(directory: DirectoryLayout) -> None:
    log = directory.log / "log.db"
    marks_file = directory.log / "witness"
    if directory.log.exists() and not directory.database.exists():
        raise mismatched_files(directory)
    if _is_empty(directory.database):
        if marks_file.exists() and _had_writes(read_watermarks(marks_file)):
            raise mismatched_files(directory)
        return
    numbers = database_numbers(directory)
    if not (log.exists() and marks_file.exists()):
        if numbers["log_epoch"]:
            raise mismatched_files(directory)
        return
    marks = read_watermarks(marks_file)
    _compare(numbers, marks, directory)
    facts = log_facts(log, marks.epoch)
    check_acked(facts, numbers, directory)
    newest = max(facts.newest_seq, numbers["log_seq"])
    if newest < marks.log_seq:
        raise Damaged(
            f"the write-behind log {log} has lost events {newest + 1} to {marks.log_seq}: its file"
            f" was emptied, replaced or restored without the rest; {ADVICE}{OR_RECOVER}"
        )


def database_numbers(directory: DirectoryLayout) -> dict[str, int]:
    """Check the database; return the numbers of its table ``meta``.

    Raises:
        Damaged: it is damaged, or was not made by cachedesk; nothing was changed.
        DataDirectoryError: it is locked or cannot be opened.
    """
    check_continuity(directory.database, _DATABASE_STEPS)
    with looking_at(directory.database) as connection:
        return _numbers(connection, directory.database)


def log_facts(log: Path, epoch: int) -> LogFacts:
    """Check the file of the log; return its facts. Errors as for ``database_numbers``."""
    if _is_empty(log):
        return LogFacts(0, 0)
    try:
        return _log_facts(log, epoch)
    except OtherVersion:
        raise
    except Damaged as error:
        raise type(error)(f"{error}{OR_RECOVER}") from None


def _log_facts(log: Path, epoch: int) -> LogFacts:
    check_continuity(log, _LOG_STEPS)
    with looking_at(log) as connection:
        return LogFacts(_newest_event(connection, log, epoch), _acked_seq(connection))


def check_order(first_seq: int, before: int) -> None:
    """Check that the first event of a record has a higher seq than the last one before it.

    Raises:
        Disordered: it has not.
    """
    if first_seq <= before:
        raise Disordered(
            f"event {first_seq} comes after event {before}: two processes wrote it at the same"
            " time, and it would never drain"
        )


def check_acked(facts: LogFacts, numbers: dict[str, int], directory: DirectoryLayout) -> None:
    """Check that the database has all events that were acked in the log.

    Raises:
        Damaged: events are missing.
    """
    if facts.acked_seq > numbers["log_seq"]:
        raise Damaged(
            f"the database {directory.database} is older than the write-behind log: the log was"
            f" acked up to {facts.acked_seq}, the database ends at {numbers['log_seq']}; they were"
            f" copied one after the other while they were in use; {ADVICE}"
        )


def mismatched_files(directory: DirectoryLayout) -> Damaged:
    """Return the error for files that do not belong together."""
    return Damaged(
        f"the database and the write-behind log in {directory.path} do not belong together"
        f" (one of them is missing, new, or from another backup); {ADVICE}{OR_RECOVER}"
    )


def _compare(numbers: dict[str, int], marks: WatermarkRecord, directory: DirectoryLayout) -> None:
    known = numbers["log_epoch"]
    if known != marks.epoch and (known or _had_writes(marks)):
        raise mismatched_files(directory)
    for kept, newest in ((marks.row_seq, "newest_seq"), (marks.acked_seq, "log_seq")):
        if numbers[newest] < kept:
            raise Damaged(
                f"the database {directory.database} has lost writes up to {kept} (it"
                f" ends at {numbers[newest]}): it was replaced, or its -wal file was deleted;"
                f" {ADVICE}"
            )
    # An opening is recorded in the watermarks first; the process may have died before it was
    # recorded in the database.
    if marks.openings - numbers.get("openings", 0) not in (0, 1):
        raise mismatched_files(directory)


def _had_writes(marks: WatermarkRecord) -> bool:
    return marks.log_seq > 0 or marks.row_seq > 0


def _is_empty(path: Path) -> bool:
    """Return whether the file is empty for SQLite.

    Raises:
        Damaged: only its ``-wal`` file is left, which SQLite would delete.
    """
    if path.exists() and path.stat().st_size:
        return False
    if has_wal(path):
        raise Damaged(f"{path} was emptied: its contents are lost; {ADVICE}")
    return True


def _numbers(connection: sqlite3.Connection, path: Path) -> dict[str, int]:
    """Check the schema and return the numbers of the table ``meta``."""
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    if not tables:
        return dict.fromkeys(_NUMBERS, 0)
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise Damaged(f"the database {path} was not made by cachedesk; choose another --data")
    ((version,),) = connection.execute("PRAGMA user_version")
    if version > SCHEMA_VERSION:
        raise OtherVersion(
            f"the database {path} is of version {version}, this cachedesk knows {SCHEMA_VERSION};"
            " upgrade cachedesk"
        )
    if version < 1:
        raise Damaged(f"the database {path} has the invalid version {version}; {ADVICE}")
    for table, columns in _expected(version).items():
        # The user may have added columns.
        if not columns.items() <= _columns(connection, table).items():
            raise Damaged(
                f"the table {table} of the database {path} is missing or was altered; {ADVICE}"
            )
    numbers = dict(connection.execute("SELECT name, number FROM meta"))
    if not numbers.keys() >= _NUMBERS:
        if version == 1 and numbers.keys() == _NUMBERS - _ADDED_EARLY:
            raise OtherVersion(f"the database {path} {MADE_EARLY}")
        missing = ", ".join(sorted(_NUMBERS - numbers.keys()))
        raise Damaged(f"the table meta of the database {path} lacks {missing}; {ADVICE}")
    return numbers


def _expected(version: int) -> dict[str, Columns]:
    """Return the columns of cachedesk's tables: of all, or of those that every version has."""
    chosen = TABLES if version == SCHEMA_VERSION else ("meta", "rows")
    return {
        name: {
            column: (_SQL_TYPES[kind], int(place == 0))
            for place, (column, kind) in enumerate(TABLES[name].items())
            if ADDED_IN.get((name, column), 1) <= version
        }
        for name in chosen
    }


def _columns(connection: sqlite3.Connection, table: str) -> Columns:
    """Return the type and the position in the primary key of each column. In a table that is not
    strict the type differs too."""
    ((strict,),) = connection.execute(
        "SELECT max(strict) FROM pragma_table_list WHERE name=?", (table,)
    )
    found = connection.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,))
    return {name: (f"{kind}{'' if strict else ', any'}", place) for name, kind, place in found}


def _newest_event(connection: sqlite3.Connection, path: Path, epoch: int) -> int:
    """Check the log's table and records; return the seq of the newest event, 0 if there is none."""
    columns = set(_columns(connection, _LOG_TABLE))
    if not columns:
        ((others,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        if others:
            raise Damaged(f"the file {path} is not the log of this data directory; {ADVICE}")
        return 0
    if not columns >= _LOG_COLUMNS:
        raise Damaged(f"the table {_LOG_TABLE} of {path} was altered; {ADVICE}")
    newest = 0
    for number, data in connection.execute(f"SELECT _id, data FROM {_LOG_TABLE} ORDER BY _id"):
        try:
            record = decode(data)
            check_order(record.events[0].seq, newest)
        except OtherVersion as error:
            raise OtherVersion(
                f"the write-behind log {path} has a record of another version ({error}); upgrade"
                " cachedesk"
            ) from None
        except Damaged as error:
            raise type(error)(
                f"the write-behind log {path} is damaged at record {number} ({error}); nothing was"
                f" changed: {ADVICE}"
            ) from None
        if record.epoch != epoch:
            raise Damaged(
                f"the write-behind log {path} and its watermarks file are of different logs;"
                f" {ADVICE}"
            )
        newest = record.events[-1].seq
    return newest


def _acked_seq(connection: sqlite3.Connection) -> int:
    """Return the seq up to which the log was acked, according to the log; 0 if it has none."""
    if not _columns(connection, MARKS):
        # It was made by an earlier version.
        return 0
    rows = connection.execute(f"SELECT number FROM {MARKS} WHERE name='acked_seq'")
    return max((int(number) for (number,) in rows), default=0)
