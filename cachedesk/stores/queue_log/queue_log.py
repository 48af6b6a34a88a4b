"""The write-behind log, on persist-queue's SQLite queue.

An append is one record, one queue item and so one commit at ``synchronous=FULL``: when it
returns, its events survive a power cut (promise 1). Reading moves a cursor in memory; ``ack``
deletes everything up to a seq in one commit: at-least-once delivery. The successor of a reader
that died reads from ``after_seq`` 0.

A failed commit is never retried and then called durable: the log takes no events until
``mending`` has reopened the files and settled what they hold (see ``durability``).

Events are identified by (epoch, seq), never by the queue's row id: row ids start again in a new
file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from persistqueue import Empty

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import Closed, Damaged, OutcomeUnknown, Unavailable
from cachedesk.core.events import WriteEvent
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.fault import Fault
from cachedesk.stores.files.open_files import OpenFiles
from cachedesk.stores.files.unwritten import DISK_FULL, is_certain, word_of
from cachedesk.stores.files.watermarks import Watermarks
from cachedesk.stores.queue_log.log_faults import faults_of
from cachedesk.stores.queue_log.queue import DurableQueue
from cachedesk.stores.queue_log.record import Record, decode, encode


class QueueLog:
    """The durable log of one data directory.

    One thread at a time may call ``append``, and one other ``read`` and ``ack``; the two wait for
    each other only at SQLite's own lock.
    """

    name = "persist-queue"

    def __init__(
        self,
        path: Path,
        *,
        queue: DurableQueue,
        watermarks: Watermarks,
        files: OpenFiles,
        failpoints: Failpoints | None = None,
    ) -> None:
        """Use parts that are open; see ``opening.open_log``.

        Args:
            path: the file of the queue.
            queue: stores the records.
            watermarks: the watermarks file beside it.
            files: all of its files.
            failpoints: of the stack; by default none can be armed.
        """
        self.path = path
        self._reach = (failpoints or Failpoints()).reach
        self._queue = queue
        self.watermarks = watermarks
        self.files = files
        self._failure = ""
        self.trouble = ""
        """Why the last append was refused, in a word or two; empty if it was not."""
        self._failures = 0
        self._counting = threading.Lock()
        # Number and last seq of each record that was not acked.
        self._records: deque[tuple[int, int]] = deque()
        self._acked = self._appended_record = self._read_seq = 0

    def faults(self) -> Sequence[Fault]:
        """Return one fault of each of its kinds."""
        return faults_of(self)

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now, in a word or two; empty if it does."""
        if self.files.trouble:
            return "file gone"
        return "failed" if self.failed else self.trouble

    @property
    def epoch(self) -> int:
        """A random number that identifies this log."""
        return int(self.watermarks.epoch)

    @property
    def bytes(self) -> int:
        """The size of the log's files in bytes."""
        size = 0
        for path in (self.path, self.path.with_name(self.path.name + "-wal")):
            # The file may be gone or no longer accessible.
            with suppress(OSError):
                size += path.stat().st_size
        return size

    def recover(self, applied_through: int) -> list[tuple[list[WriteEvent], float]]:
        """Return all records in the log, oldest first, each with its age in seconds.

        Args:
            applied_through: the newest log seq that the database has applied.

        Raises:
            Damaged: a record is damaged or belongs to another log, or events are missing.
        """
        found: list[tuple[list[WriteEvent], float]] = []
        records = self._records_after(0)
        for place, (number, record) in enumerate(records):
            if place == len(records) // 2:
                self._reach("boot.index.mid")
            self._know(number, record.events[-1].seq)
            found.append((record.events, max(0.0, wall_seconds() - record.events[0].at)))
        newest = max(applied_through, found[-1][0][-1].seq if found else 0)
        if self.watermarks.log_seq > newest:
            raise Damaged(
                f"the write-behind log {self.path} has lost events {newest + 1} to"
                f" {self.watermarks.log_seq}: its file was emptied, replaced or restored without"
                " the rest; restore the whole data directory from one backup"
            )
        self._reach("boot.witness.before")
        if newest > self.watermarks.log_seq:
            # The process died between the commit and the update of the watermarks.
            self.watermarks.note_log(newest)
        self._reach("boot.witness.after")
        return found

    def append(self, events: Sequence[WriteEvent]) -> None:
        """Make ``events`` durable, all of them or none.

        Raises:
            Unavailable: the disk is full, the log is locked, or an earlier commit failed and was
                not mended; nothing was written.
            OutcomeUnknown: the commit failed; all of them are in the log, or none.
        """
        if self._failure:
            raise self._refusal(self._failure)
        if self.files.trouble:
            raise Unavailable(self.files.trouble)
        data = encode(self.epoch, events)
        self._reach("log.append.before_commit")
        try:
            self._know(self._queue.put(data), events[-1].seq)
        except sqlite3.ProgrammingError as error:
            raise Closed("the write-behind log was closed") from error
        except sqlite3.Error as error:
            if is_certain(error):
                self.trouble = word_of(error)
                raise Unavailable(f"the write-behind log cannot be written: {error}") from error
            self._fail(error)
            raise OutcomeUnknown(f"the write-behind log failed in a commit: {error}") from error
        self.trouble = ""
        self._reach("log.append.after_commit")
        self.watermarks.note_log(events[-1].seq)
        if trouble := self.files.look() or self.watermarks.failure:
            self._fail(Unavailable(trouble))
            raise OutcomeUnknown(trouble)

    def set_disk_full(self, full: bool) -> None:
        """Make SQLite refuse appends because the disk is full, or accept them again: a fault.

        Raises:
            Unavailable: it is not possible now.
        """
        try:
            self._queue.set_disk_full(full)
            self.trouble = DISK_FULL if full else ""
        except sqlite3.Error as error:
            raise Unavailable(f"the write-behind log does not answer: {error}") from error

    @property
    def failed(self) -> bool:
        """Whether a commit failed, so that the log takes no events until ``mending`` succeeds."""
        return bool(self._failure)

    @contextmanager
    def mending(self) -> Iterator[int]:
        """Settle the outcome of a failed commit. In the block the caller adopts the
        ``stray_records``; after it the log takes events again. Call it on the thread that may
        call ``append``.

        Raises:
            Unavailable: the disk still fails; nothing was changed.
        """
        failures = self._failures
        if self.files.look():
            # Opening a missing file would create an empty one.
            raise self._refusal(self.files.trouble)
        try:
            self._queue.reopen()
            self.files.reopened()
            oldest = self._queue.head()
        except (sqlite3.Error, Damaged) as error:
            raise self._refusal(str(error)) from error
        yield self._forget(lambda number, _: oldest is None or number < oldest)
        with self._counting:
            if failures == self._failures:
                self._failure = ""

    def stray_records(self, after_seq: int) -> list[list[WriteEvent]]:
        """Return the records after ``after_seq``, whose writer was interrupted or got no reply. The
        caller makes them pending.

        Raises:
            Unavailable: the log cannot be read; ``mending`` makes it readable.
        """
        try:
            records = self._records_after(self._number_of(after_seq))
        except Damaged as error:
            self._fail(error)
            raise Unavailable(str(error)) from error
        strays = []
        for number, record in records:
            if record.events[-1].seq > after_seq:
                self._know(number, record.events[-1].seq)
                self.watermarks.note_log(record.events[-1].seq)
                strays.append(record.events)
        return strays

    def events(self) -> list[WriteEvent]:
        """Read all events that were not acked, oldest first.

        Raises:
            Unavailable: the log cannot be read.
        """
        try:
            records = self._records_after(0)
        except Damaged as error:
            raise Unavailable(str(error)) from error
        return [event for _, record in records for event in record.events]

    def read(self, after_seq: int, through_seq: int, most_events: int) -> tuple[WriteEvent, ...]:
        """Return the events after ``after_seq``, in whole records, up to the record that reaches
        ``most_events`` or ends above ``through_seq``.

        Raises:
            Damaged: a record is damaged.
            Unavailable: SQLite does not answer.
        """
        if after_seq != self._read_seq:
            self._queue.cursor = self._number_of(after_seq)
            self._read_seq = after_seq
        events: list[WriteEvent] = []
        while len(events) < most_events:
            before = self._queue.cursor
            try:
                item = self._queue.get(block=False, raw=True)
            except Empty:
                break
            except sqlite3.Error as error:
                raise Unavailable(f"the write-behind log cannot be read: {error}") from error
            found = decode(item["data"]).events
            if found[-1].seq > through_seq:
                self._queue.cursor = before
                break
            events += found
            self._read_seq = found[-1].seq
        return tuple(events)

    def ackable(self, through_seq: int) -> int:
        """Return the last seq that ``ack`` would delete, because records are acked whole; 0 if
        there is none."""
        return self._until(through_seq)[1]

    def ack(self, through_seq: int) -> int:
        """Delete the records whose events are all decided.

        Args:
            through_seq: the seq up to which every event is applied or a dead letter.

        Returns:
            The last seq deleted, 0 if there is none.

        Raises:
            Unavailable: the log cannot be written; the events will be delivered again.
        """
        number, last_seq = self._until(through_seq)
        if not number:
            return 0
        if self.files.trouble:
            raise Unavailable(self.files.trouble)
        try:
            self._queue.ack(number, last_seq)
        except sqlite3.Error as error:
            if not is_certain(error):
                # Events appended after it would be lost with it.
                self._fail(error)
            raise Unavailable(f"the write-behind log cannot be trimmed: {error}") from error
        self._queue.cursor = max(self._queue.cursor, number)
        self.watermarks.note_acked(last_seq)
        return self._forget(lambda each, _: each <= number)

    def _know(self, number: int, last_seq: int) -> None:
        """Remember the number and the last seq of a record, once."""
        with self._counting:
            if number > self._appended_record:
                self._records.append((number, last_seq))
                self._appended_record = number

    def _until(self, through_seq: int) -> tuple[int, int]:
        """Return the number and the last seq of the last record that ends at or below
        ``through_seq``; 0 and 0 if there is none."""
        found = (0, 0)
        with self._counting:
            for record in self._records:
                if record[1] > through_seq:
                    break
                found = record
        return found

    def _number_of(self, seq: int) -> int:
        """Return the number of the last record that ends at or below ``seq``; if there is none,
        that of the newest acked record."""
        return max(self._acked, self._until(seq)[0])

    def _forget(self, acked: Callable[[int, int], bool]) -> int:
        last_seq = 0
        with self._counting:
            while self._records and acked(*self._records[0]):
                self._acked, last_seq = self._records.popleft()
        return last_seq

    def _fail(self, error: Exception) -> None:
        with self._counting:
            self._failure = str(error)
            self._failures += 1

    def _refusal(self, reason: str) -> Unavailable:
        return Unavailable(
            f"the write-behind log {self.path} takes no writes since a commit failed: {reason};"
            " each write tries to recover it"
        )

    def close(self) -> None:
        """Close the files; the watermarks record a clean shutdown."""
        # An interrupt may have closed the queue already. Files not at their paths stay untouched.
        with suppress(sqlite3.Error):
            if not self.files.trouble:
                self._queue.shrink()
        self._queue.close()
        self._reach("close.witness.before")
        self.watermarks.close()
        self._reach("close.witness.after")

    def _records_after(self, number: int) -> list[tuple[int, Record]]:
        """Return the records after record ``number``, each with its number."""
        try:
            items = self._queue.queue()
        except sqlite3.DatabaseError as error:
            raise Damaged(f"the write-behind log {self.path} cannot be read: {error}") from error
        return [(item["id"], self._decode(item)) for item in items if item["id"] > number]

    def _decode(self, item: dict[str, Any]) -> Record:
        try:
            record = decode(item["data"])
        except Damaged as error:
            raise Damaged(
                f"the write-behind log {self.path} is damaged at record {item['id']} ({error});"
                " nothing was changed: restore the whole data directory from one backup"
            ) from None
        if record.epoch != self.epoch:
            raise Damaged(
                f"the write-behind log {self.path} and its watermarks file are of different logs;"
                " restore the whole data directory from one backup"
            )
        return record
