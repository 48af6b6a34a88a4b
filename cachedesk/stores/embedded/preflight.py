"""Soundness: the files of a data directory are looked at, read-only, before anything opens them.

Opening already changes a file: SQLite makes an empty one its own and moves a ``-wal`` file into
its database. So whatever is damaged, foreign, or from another backup than the rest is found here
first, and the refusal leaves every byte as it was (promise 9).

Three things are known to two files each, so that one of them cannot be replaced unnoticed: which
log the database belongs to, how often both were opened together, and how far the log was acked.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from cachedesk.core.errors import Damaged, OtherVersion
from cachedesk.stores.files.connections import not_opened
from cachedesk.stores.files.continuity import check_continuity
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.files.read_lock import DirectoryFiles
from cachedesk.stores.files.read_only import ADVICE, MADE_EARLY, OR_RECOVER, has_wal, looking_at
from cachedesk.stores.files.watermarks import WatermarkRecord, read_watermarks
from cachedesk.stores.queue_log.queue import MARKS
from cachedesk.stores.queue_log.record import decode
from cachedesk.stores.sqlite.schema import APPLICATION_ID, SCHEMA_VERSION, TABLES

_LOG_TABLE = "queue_events"
_LOG_COLUMNS = {"_id", "data", "timestamp"}
_NUMBERS = {"newest_seq", "log_seq", "log_epoch", "live_rows"}
_ADDED_EARLY = {"live_rows"}
_DATABASE_STEPS = {"meta": {"commits": 1, "openings": 1, "log_epoch": None}}
# A put on a disk that was full for a fault's sake may have counted twice.
_LOG_STEPS = {"sqlite_sequence": {_LOG_TABLE: 2}, MARKS: {"acks": 1}}

_SQL_TYPES = {bytes: "BLOB", int: "INTEGER", str: "TEXT", float: "REAL"}

Columns = dict[str, tuple[str, int]]
Files = DataDirectory | DirectoryFiles


class LogFacts(NamedTuple):
    """The seq of the newest event in the log, and up to which it says that it was acked."""

    newest_seq: int
    acked_seq: int


def check_directory(directory: Files) -> None:
    """See that what is in ``directory`` is ours, whole, and belongs together.

    Raises:
        Damaged: it is not; nothing was changed.
        DataDirectoryError: a file is locked or cannot be opened.
    """
    try:
        _examine(directory)
    except OSError as error:
        raise not_opened(f"the data directory {directory.path}", error) from error


def _examine(directory: Files) -> None:
    log = directory.log / "log.db"
    witness = directory.log / "witness"
    if directory.log.exists() and not directory.database.exists():
        raise mismatched_files(directory)
    if _is_empty(directory.database):
        if witness.exists() and _has_a_past(read_watermarks(witness)):
            raise mismatched_files(directory)
        return
    numbers = database_numbers(directory)
    if not (log.exists() and witness.exists()):
        if numbers["log_epoch"]:
            raise mismatched_files(directory)
        return
    said = read_watermarks(witness)
    _compare(numbers, said, directory)
    facts = log_facts(log, said.epoch)
    check_acked(facts, numbers, directory)
    newest = max(facts.newest_seq, numbers["log_seq"])
    if newest < said.log_seq:
        raise Damaged(
            f"the write-behind log {log} has lost events {newest + 1} to {said.log_seq}: its file"
            f" was emptied, replaced or restored without the rest; {ADVICE}{OR_RECOVER}"
        )


def database_numbers(directory: Files) -> dict[str, int]:
    """Check the database; return the numbers of its table ``meta``.

    Raises:
        Damaged: it is not whole or not ours; nothing was changed.
        DataDirectoryError: it is locked or cannot be opened.
    """
    check_continuity(directory.database, _DATABASE_STEPS)
    with looking_at(directory.database) as connection:
        return _numbers(connection, directory.database)


def log_facts(log: Path, epoch: int) -> LogFacts:
    """Check the file of the log; return what it says. Errors as for ``database_numbers``."""
    if _is_empty(log):
        return LogFacts(0, 0)
    try:
        return _log_facts(log, epoch)
    except OtherVersion:
        raise
    except Damaged as error:
        raise Damaged(f"{error}{OR_RECOVER}") from None


def _log_facts(log: Path, epoch: int) -> LogFacts:
    check_continuity(log, _LOG_STEPS)
    with looking_at(log) as connection:
        return LogFacts(_newest_event(connection, log, epoch), _acked_seq(connection))


def check_acked(facts: LogFacts, numbers: dict[str, int], directory: Files) -> None:
    """See that the database has all that the log has let go of.

    Raises:
        Damaged: it has not.
    """
    if facts.acked_seq > numbers["log_seq"]:
        raise Damaged(
            f"the database {directory.database} is older than the write-behind log, which has let"
            f" go of writes up to {facts.acked_seq} (it ends at {numbers['log_seq']}): they were"
            f" copied one after the other while they were in use; {ADVICE}"
        )


def mismatched_files(directory: Files) -> Damaged:
    """Return the error that says that the files are not of one another."""
    return Damaged(
        f"the database and the write-behind log in {directory.path} do not belong together"
        f" (one of them is missing, new, or from another backup); {ADVICE}{OR_RECOVER}"
    )


def _compare(numbers: dict[str, int], said: WatermarkRecord, directory: Files) -> None:
    known = numbers["log_epoch"]
    if known != said.epoch and (known or _has_a_past(said)):
        raise mismatched_files(directory)
    for kept, newest in ((said.row_seq, "newest_seq"), (said.acked_seq, "log_seq")):
        if numbers[newest] < kept:
            raise Damaged(
                f"the database {directory.database} has lost writes up to {kept} (it"
                f" ends at {numbers[newest]}): it was replaced, or its -wal file was deleted;"
                f" {ADVICE}"
            )
    # The witness notes an opening first, and the process may have died before the database did.
    if said.openings - numbers.get("openings", 0) not in (0, 1):
        raise mismatched_files(directory)


def _has_a_past(said: WatermarkRecord) -> bool:
    return said.log_seq > 0 or said.row_seq > 0


def _is_empty(path: Path) -> bool:
    """Whether SQLite would find nothing in the file.

    Raises:
        Damaged: only its ``-wal`` file is left, which SQLite would delete.
    """
    if path.exists() and path.stat().st_size:
        return False
    if has_wal(path):
        raise Damaged(f"{path} was emptied: what was in it is lost; {ADVICE}")
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
        raise Damaged(f"the database {path} says that it is of version {version}; {ADVICE}")
    for table, columns in _expected(version).items():
        # More than ours is the user's own affair.
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
    """Return the columns of our tables: of all, or of those that every version has."""
    chosen = TABLES if version == SCHEMA_VERSION else ("meta", "rows")
    return {
        name: {
            column: (_SQL_TYPES[kind], int(place == 0))
            for place, (column, kind) in enumerate(TABLES[name].items())
        }
        for name in chosen
    }


def _columns(connection: sqlite3.Connection, table: str) -> Columns:
    """Return type and place in the primary key of each column; an altered type is another one,
    and so is that of a table that is not strict."""
    ((strict,),) = connection.execute(
        "SELECT max(strict) FROM pragma_table_list WHERE name=?", (table,)
    )
    found = connection.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,))
    return {name: (f"{kind}{'' if strict else ', any'}", place) for name, kind, place in found}


def _newest_event(connection: sqlite3.Connection, path: Path, epoch: int) -> int:
    """Check the log's table and records; return the seq of the newest event, 0 without any."""
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
        except OtherVersion as error:
            raise OtherVersion(
                f"the write-behind log {path} has a record of another version ({error}); upgrade"
                " cachedesk"
            ) from None
        except Damaged as error:
            raise Damaged(
                f"the write-behind log {path} is damaged at record {number} ({error}); nothing was"
                f" changed: {ADVICE}"
            ) from None
        if record.epoch != epoch:
            raise Damaged(
                f"the write-behind log {path} and its witness are of different logs; {ADVICE}"
            )
        newest = record.events[-1].seq
    return newest


def _acked_seq(connection: sqlite3.Connection) -> int:
    """Return up to which seq the log was acked, as it says itself; 0 if it does not."""
    if not _columns(connection, MARKS):
        # An earlier cachedesk made it.
        return 0
    rows = connection.execute(f"SELECT number FROM {MARKS} WHERE name='acked_seq'")
    return max((int(number) for (number,) in rows), default=0)
