"""A complete, read-only check of a data directory: every row, record and number.

Opening a directory checks what opening could make worse (``preflight``), in a time that does not
grow with the rows. This check reads everything. After an unclean shutdown the newest pages are in
a ``-wal`` file, which SQLite reads only with a ``-shm`` file that it writes. In that case copies
are read, so that no byte of the directory changes.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cachedesk.core.errors import Damaged, DataDirectoryError, InUse, OtherVersion
from cachedesk.core.events import MAX_KEY_BYTES
from cachedesk.stores.embedded.preflight import check_directory, check_order
from cachedesk.stores.files.read_lock import DirectoryFiles, find_directory, locked_for_reading
from cachedesk.stores.files.read_only import ADVICE, OR_RECOVER, has_wal, looking_at, wal_of
from cachedesk.stores.files.watermarks import read_watermarks
from cachedesk.stores.queue_log.record import decode

_NAMES = ("log/log.db", "log/witness", "cachedesk.db", "redis.state", "lock", "redis", "log")
_MOST_PROBLEMS = 20
_KEYS_BAD = f"typeof(key) != 'blob' OR length(key) NOT BETWEEN 1 AND {MAX_KEY_BYTES}"
_LETTERS_BAD = (
    "op NOT IN ('set', 'incr', 'delete', 'expire') OR attempts < 1"
    " OR (op IN ('delete', 'expire')) != (arg IS NULL)"
)


class Finding(NamedTuple):
    """One problem. ``file``: its name in the directory, empty for the directory itself."""

    file: str
    problem: str
    advice: str = ""

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.problem, self.advice)))


@dataclass(slots=True)
class DirectoryFigures:
    """The figures of a data directory; ``None`` where one could not be determined."""

    rows: int | None = None
    tombstones: int | None = None
    dead: int | None = None
    records: int | None = None
    pending: int | None = None
    newest_seq: int | None = None
    schema_version: int | None = None
    epoch: int | None = None
    was_open: bool | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a check: the problems, and the figures."""

    path: Path
    findings: tuple[Finding, ...]
    figures: DirectoryFigures
    seconds: float


def verify(path: Path) -> Verification:
    """Check the data directory at ``path``; no byte of it changes.

    Args:
        path: a data directory that no process uses. If a ``-wal`` file is not empty, the files
            are copied into the temporary directory, which needs as much room.

    Raises:
        DataDirectoryError: there is none, or it cannot be read.
        InUse: a process has it open.
    """
    began = time.monotonic()
    files, figures = find_directory(path), DirectoryFigures()
    findings: list[Finding] = []
    try:
        with locked_for_reading(files), _unchanging(files) as readable:
            _check(readable, figures, findings)
            findings = [_renamed(finding, readable.path, files.path) for finding in findings]
    except InUse:
        raise
    except DataDirectoryError as error:
        # One of the names is not a regular file; it cannot be opened.
        finding = _finding(error, files.path)
        if not finding.file:
            raise
        findings.append(finding)
    unique = tuple(dict.fromkeys(findings))
    return Verification(files.path, unique, figures, time.monotonic() - began)


@contextmanager
def _unchanging(files: DirectoryFiles) -> Iterator[DirectoryFiles]:
    """Yield the files themselves if they can be read without a change, otherwise copies."""
    log = files.log / "log.db"
    if not any(has_wal(file) for file in (files.database, log)):
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="cachedesk-verify-") as folder:
        copies = DirectoryFiles(Path(folder).resolve())
        copies.log.mkdir()
        try:
            for file in (files.database, log, files.log / "witness"):
                _copy(file, copies.path / file.relative_to(files.path))
        except OSError as error:
            raise DataDirectoryError(
                f"the data directory {files.path} cannot be copied into {folder} to be read:"
                f" {error.strerror}; set TMPDIR to a place with room"
            ) from error
        yield copies


def _copy(file: Path, copy: Path) -> None:
    for source, target in ((file, copy), (wal_of(file), wal_of(copy))):
        if source.exists():
            shutil.copyfile(source, target)


def _check(files: DirectoryFiles, figures: DirectoryFigures, findings: list[Finding]) -> None:
    log, marks_file = files.log / "log.db", files.log / "witness"
    known = 0
    with suppress(Damaged, OSError):
        marks = read_watermarks(marks_file)
        figures.epoch, figures.was_open = marks.epoch, marks.was_open
        known = max(marks.log_seq, marks.row_seq)
    # The log first: a row may be newer than the numbers in the database.
    for path, check in ((log, _check_log), (files.database, _check_database)):
        if not path.exists() or path.stat().st_size == 0:
            continue
        try:
            with looking_at(path) as connection:
                known = max(known, check(connection, path, known, figures, findings))
        except Damaged as error:
            findings.append(_finding(error, files.path))
    figures.newest_seq = known or None
    try:
        check_directory(files)
    except Damaged as error:
        finding = _finding(error, files.path)
        # All damaged records are listed already, including this one.
        if not any(" is damaged at record " in each.problem for each in findings) or (
            " is damaged at record " not in finding.problem
        ):
            findings.append(finding)
    if not findings:
        figures.pending = _pending(files)


def _check_database(
    connection: sqlite3.Connection,
    path: Path,
    known: int,
    figures: DirectoryFigures,
    findings: list[Finding],
) -> int:
    """Check the database; return the newest seq in it."""
    if not _is_whole(connection, path, ADVICE, findings):
        return 0
    try:
        numbers = dict(connection.execute("SELECT name, number FROM meta"))
        newest = max(known, *(int(numbers.get(name, 0)) for name in ("newest_seq", "log_seq")))
        rows, live, lowest, highest, bad = connection.execute(
            f"SELECT count(*), count(value), min(seq), max(seq), total({_KEYS_BAD}) FROM rows"
        ).fetchone()
        dead, dead_lowest, dead_highest, dead_bad = connection.execute(
            f"SELECT count(*), min(seq), max(seq), total({_LETTERS_BAD}) FROM dead"
        ).fetchone()
    except sqlite3.OperationalError:
        # A table is missing or was altered, which the preflight reports.
        return 0
    ((figures.schema_version,),) = connection.execute("PRAGMA user_version")
    figures.rows, figures.tombstones, figures.dead = live, rows - live, dead
    for problem in (
        bad and f"{bad:.0f} rows have a key that is not 1 to {MAX_KEY_BYTES:,} bytes",
        rows and lowest < 1 and f"a row has the seq {lowest}, but the first is 1",
        rows and highest > newest and f"a row has the seq {highest}, but the newest is {newest}",
        numbers.get("live_rows", live) != live
        and f"live_rows is {numbers['live_rows']:,}, but there are {live:,} keys",
        dead_bad and f"{dead_bad:.0f} dead letters are not valid writes",
        dead and dead_lowest < 1 and f"a dead letter has the seq {dead_lowest}",
        dead
        and dead_highest > newest
        and f"a dead letter has the seq {dead_highest}, but the newest is {newest}",
    ):
        if problem:
            findings.append(Finding("cachedesk.db", f"the database {path}: {problem}", ADVICE))
    return newest


def _check_log(
    connection: sqlite3.Connection,
    path: Path,
    known: int,
    figures: DirectoryFigures,
    findings: list[Finding],
) -> int:
    """Check every record of the log; return the newest seq in it."""
    if not _is_whole(connection, path, f"{ADVICE}{OR_RECOVER}", findings):
        return 0
    newest = records = damaged = 0
    try:
        for number, data in connection.execute("SELECT _id, data FROM queue_events ORDER BY _id"):
            records += 1
            try:
                newest = _newest_of(data, newest)
            except OtherVersion:
                # The preflight reports it.
                continue
            except Damaged as error:
                damaged += 1
                if damaged <= _MOST_PROBLEMS:
                    problem = f"the write-behind log {path} is damaged at record {number} ({error})"
                    findings.append(Finding("log/log.db", problem, f"{ADVICE}{OR_RECOVER}"))
    except sqlite3.OperationalError:
        return 0
    figures.records = records
    if damaged > _MOST_PROBLEMS:
        more = f"the write-behind log {path} is damaged at {damaged:,} records in all"
        findings.append(Finding("log/log.db", more, f"{ADVICE}{OR_RECOVER}"))
    return newest


def _newest_of(data: bytes, before: int) -> int:
    """Return the newest seq in a record; ``before`` is the last seq of the record before it.

    Raises:
        Damaged: the record is damaged, or out of order.
    """
    events = decode(data).events
    check_order(events[0].seq, before)
    return events[-1].seq


def _is_whole(
    connection: sqlite3.Connection, path: Path, advice: str, findings: list[Finding]
) -> bool:
    answer = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})")]
    if answer == ["ok"]:
        return True
    name = "log/log.db" if path.name == "log.db" else "cachedesk.db"
    for problem in answer:
        findings.append(Finding(name, f"{path} is malformed: {' '.join(problem.split())}", advice))
    return False


def _pending(files: DirectoryFiles) -> int | None:
    """Return how many events of the log are neither part of their row nor a dead letter."""
    log, pending = files.log / "log.db", 0
    if not log.exists() or log.stat().st_size == 0:
        return 0
    with (
        suppress(sqlite3.OperationalError, OtherVersion),
        looking_at(log) as records,
        looking_at(files.database) as rows,
    ):
        for (data,) in records.execute("SELECT data FROM queue_events"):
            for event in decode(data).events:
                ((decided,),) = rows.execute(
                    "SELECT EXISTS (SELECT 1 FROM rows WHERE key = ?1 AND seq >= ?2)"
                    " OR EXISTS (SELECT 1 FROM dead WHERE seq = ?2)",
                    (event.key, event.seq),
                )
                pending += not decided
        return pending
    return None


def _finding(error: DataDirectoryError, directory: Path) -> Finding:
    """Return an error as a finding: the file that its message names, the problem, the advice."""
    message = str(error)
    places = {name: message.find(str(directory / name)) for name in _NAMES}
    named = [name for name, place in places.items() if place >= 0]
    # If two names start at the same position, the longer is listed first.
    file = min(named, key=lambda name: places[name], default="")
    problem, found, rest = message.partition(ADVICE)
    if found:
        problem = problem.rstrip(" ;:").removesuffix("; nothing was changed")
        return Finding(file, problem, f"{found}{rest}")
    problem, _, advice = message.rpartition("; ")
    return Finding(file, problem or message, advice if problem else "")


def _renamed(finding: Finding, copy: Path, directory: Path) -> Finding:
    """Return ``finding`` with the path of the directory in place of that of its copy."""
    return finding._replace(problem=finding.problem.replace(str(copy), str(directory)))
