"""Recovery of a data directory whose write-behind log was lost while its database is undamaged.

Such a directory cannot be opened, and opening never repairs it: the user must decide whether to
give up the events that were only in the log. The rest of the log is moved aside, never deleted.
"""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from cachedesk.core.errors import Damaged, DataDirectoryError, OtherVersion
from cachedesk.stores.embedded.preflight import (
    Disordered,
    LogFacts,
    check_acked,
    check_directory,
    database_numbers,
    log_facts,
)
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.files.watermarks import WatermarkRecord, create_watermarks, read_watermarks

_SEQS = (
    "SELECT max(seq) FROM rows",
    "SELECT max(seq) FROM dead",
    "SELECT max(number) FROM meta WHERE name IN ('newest_seq', 'log_seq')",
)


def recover(directory: DataDirectory, *, accept_loss: bool = False) -> str:
    """Make a directory usable again whose log or watermarks file was lost or is damaged.

    Args:
        directory: locked, and not open.
        accept_loss: continue even if events that were only in the log are lost.

    Returns:
        A sentence that says what was done, and what is lost.

    Raises:
        Damaged: the database is damaged; nothing was changed.
        DataDirectoryError: events would be lost and ``accept_loss`` is not set; nothing was
            changed.
    """
    disordered = False
    try:
        check_directory(directory)
    except OtherVersion:
        raise
    except Damaged as error:
        disordered = isinstance(error, Disordered)
    else:
        return "nothing is wrong with the data directory; nothing was changed"
    numbers = database_numbers(directory)
    marks = _watermarks(directory)
    known = numbers["log_epoch"]
    if marks is not None and known in (0, marks.epoch) and numbers["newest_seq"] < marks.row_seq:
        raise Damaged(
            f"the database {directory.database} has lost writes up to {marks.row_seq} (it ends at"
            f" {numbers['newest_seq']}); restore the whole data directory from one backup"
        )
    found = _log(directory, known)
    if found is not None:
        check_acked(found, numbers, directory)
    if marks is None and found is not None and known:
        newest = max(found.newest_seq, numbers["log_seq"])
        (directory.log / "witness").unlink(missing_ok=True)
        create_watermarks(
            directory.log / "witness",
            WatermarkRecord(
                known,
                newest,
                numbers["newest_seq"],
                True,
                found.acked_seq,
                numbers.get("openings", 0),
            ),
        )
        check_directory(directory)
        return "the watermarks file of the log was recreated; nothing is known to be lost"
    believed = marks is not None and known in (0, marks.epoch) and not disordered
    lost = _lost(numbers, marks if believed else None)
    if lost and not accept_loss:
        raise DataDirectoryError(
            f"{lost}; restore a backup, or give them up: cachedesk recover --accept-loss"
        )
    aside = _replace_log(directory, marks.log_seq if marks else 0)
    return f"a new log is started, and the old one kept as {aside}; {lost or 'nothing is lost'}"


def _watermarks(directory: DataDirectory) -> WatermarkRecord | None:
    with suppress(Damaged, OSError):
        return read_watermarks(directory.log / "witness")
    return None


def _log(directory: DataDirectory, epoch: int) -> LogFacts | None:
    path = directory.log / "log.db"
    try:
        return log_facts(path, epoch) if path.stat().st_size else None
    except OtherVersion:
        raise
    except (DataDirectoryError, OSError):
        return None


def _lost(numbers: dict[str, int], marks: WatermarkRecord | None) -> str:
    if marks is None:
        return "events that were only in the log are lost; their number is not known"
    if marks.log_seq > numbers["log_seq"]:
        return (
            f"events {numbers['log_seq'] + 1} to {marks.log_seq} are lost, unless a later write of"
            " their key has absorbed them"
        )
    return ""


def _replace_log(directory: DataDirectory, newest: int) -> Path:
    """Move the log aside and prepare the database for a new one; return the new path of the old
    log. In this order, so that after a kill in between the directory still cannot be opened, and
    the recovery can be repeated."""
    with closing(sqlite3.connect(directory.database)) as connection, connection:
        seqs = [connection.execute(statement).fetchone()[0] or 0 for statement in _SEQS]
        # No new write may have the seq of one that is part of a row or a dead letter.
        connection.execute("UPDATE meta SET number=? WHERE name='log_seq'", (max(newest, *seqs),))
        # As in a new database: the new log was never opened together with it.
        connection.execute("UPDATE meta SET number=0 WHERE name IN ('log_epoch', 'openings')")
    places = (directory.path / f"log.lost-{number}" for number in itertools.count(1))
    aside = next(place for place in places if not place.exists())
    if directory.log.exists():
        directory.log.rename(aside)
    return aside
