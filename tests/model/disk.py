"""The model's disk: the rows of the database, the records of the log, the watermarks file, and
the ways in which writing each of them can fail.

Everything here survives the end of the process; what was only in its memory does not. The judge
sees every change before any other actor runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from enum import StrEnum
from random import Random
from typing import Protocol

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Entry, WriteEvent
from cachedesk.stores.queue_log.record import decode

REFUSED = frozenset(b"%d" % number for number in range(9001, 9013))
"""Values that a trigger of the database refuses, in histories that have one."""


class Watcher(Protocol):
    """Receives every change of the disk."""

    def appended(self, events: list[WriteEvent], late: bool) -> None:
        """``events`` are in the log; ``late``: their commit failed."""

    def trimmed(self, events: list[WriteEvent]) -> None:
        """``events`` are out of the log."""

    def committed(self, before: Mapping[bytes, Entry | None], late: bool) -> None:
        """A transaction changed these rows, which were so before, or dead letters."""


class Outcome(StrEnum):
    """What comes of a commit that fails."""

    NOTHING = "nothing"
    DONE = "done"
    LATE = "late"
    """It shows when the files are opened again, if nothing was written over it."""


class Changes:
    """What one transaction of the database wants to change."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Entry | None] = {}
        self.numbers: dict[str, int] = {}
        self.buried: dict[int, DeadLetter] = {}
        self.unburied: set[int] = set()
        self.attempts: dict[int, int | None] = {}


class Disk:
    """The files of one data directory."""

    def __init__(self, random: Random, watcher: Watcher) -> None:
        self._random = random
        self._watcher = watcher
        self.files: set[str] = set()
        self.rows: dict[bytes, Entry] = {}
        self.dead: dict[int, DeadLetter] = {}
        self.attempts: dict[int, int] = {}
        self.numbers = {"newest_seq": 0, "log_seq": 0, "log_epoch": 0, "live_rows": 0}
        self.records: dict[int, bytes] = {}
        self.witness = bytearray()
        self._old_witness = b""
        self._last_record = 0
        self._late_changes: Changes | None = None
        self._late_record: bytes | None = None
        self._late_trim = 0
        # What is wrong with it just now.
        self.log_errors: list[tuple[str, Outcome]] = []
        self.commit_errors: list[Outcome | None] = []
        self.locked = self.unreadable = self.full = False
        self.refusing = False

    def append(self, data: bytes) -> int:
        """Put a record into the log, durably, and return its number."""
        outcome = self._log_error("put")
        if outcome is None:
            self._overwrite_late()
            return self._append(data, late=False)
        if outcome is Outcome.DONE:
            self._append(data, late=True)
        elif outcome is Outcome.LATE:
            self._late_record = data
        raise _io_error()

    def trim_log(self, through: int) -> None:
        """Delete the records up to ``through``."""
        outcome = self._log_error("trim")
        if outcome in (None, Outcome.DONE):
            self._overwrite_late()
            self._trim(through)
        elif outcome is Outcome.LATE:
            self._late_trim = through
        if outcome is not None:
            raise _io_error()

    def check_log_reads(self) -> None:
        """Raise what a read of the log raises just now."""
        if self._log_error("get") is not None:
            raise _io_error()

    def reopen_log(self) -> None:
        """Show what a commit that failed had come to."""
        record, through = self._late_record, self._late_trim
        self._overwrite_late()
        if record is not None and self._random.random() < 0.5:
            self._append(record, late=True)
        if through and self._random.random() < 0.5:
            self._trim(through)

    def reopen_database(self) -> None:
        """As ``reopen_log``."""
        changes, self._late_changes = self._late_changes, None
        if changes is not None and self._random.random() < 0.5:
            self._apply(changes, late=True)

    def commit(self, changes: Changes) -> Outcome | None:
        """Commit a transaction, or return what came of it when that failed."""
        outcome = self.commit_errors.pop() if self.commit_errors else None
        if outcome in (None, Outcome.DONE):
            self._late_changes = None
            self._apply(changes, late=False)
        elif outcome is Outcome.LATE:
            self._late_changes = changes
        return outcome

    def note_in_witness(self, data: bytes) -> None:
        """Write the watermarks file: to memory, and to the disk at some later time."""
        self.witness[:] = data
        if not self._old_witness or self._random.random() < 0.1:
            self.sync_witness()

    def sync_witness(self) -> None:
        """Sync the watermarks file to the disk."""
        self._old_witness = bytes(self.witness)

    def lose_power(self) -> None:
        """What was not synced is as it was."""
        if self._old_witness:
            self.witness[:] = self._old_witness

    def heal(self) -> None:
        """End all that is wrong with it; what is written now succeeds."""
        self.log_errors.clear()
        self.commit_errors.clear()
        self.locked = self.unreadable = self.full = False
        self.refusing = False

    def events(self, numbers: Iterator[int]) -> list[WriteEvent]:
        """Return the events of these records."""
        return [event for number in numbers for event in decode(self.records[number]).events]

    def _append(self, data: bytes, late: bool) -> int:
        self._last_record += 1
        self.records[self._last_record] = data
        self._watcher.appended(list(decode(data).events), late)
        return self._last_record

    def _trim(self, through: int) -> None:
        gone = [number for number in self.records if number <= through]
        events = self.events(iter(gone))
        for number in gone:
            del self.records[number]
        self._watcher.trimmed(events)

    def _overwrite_late(self) -> None:
        self._late_record, self._late_trim = None, 0

    def _log_error(self, step: str) -> Outcome | None:
        for place, (where, outcome) in enumerate(self.log_errors):
            if where == step:
                del self.log_errors[place]
                if outcome is Outcome.NOTHING and self._random.random() < 0.5:
                    error = sqlite3.OperationalError("database or disk is full")
                    error.sqlite_errorcode = sqlite3.SQLITE_FULL
                    raise error
                return outcome
        return None

    def _apply(self, changes: Changes, late: bool) -> None:
        before = {key: self.rows.get(key) for key in changes.rows}
        for key, row in changes.rows.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        self.numbers |= changes.numbers
        self.dead |= changes.buried
        for seq in changes.unburied:
            self.dead.pop(seq, None)
        for seq, count in changes.attempts.items():
            if count is None:
                self.attempts.pop(seq, None)
            else:
                self.attempts[seq] = count
        letters = (*changes.buried.values(),)
        for letter in letters:
            before.setdefault(letter.key, self.rows.get(letter.key))
        self._watcher.committed(before, late)


def _io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error
