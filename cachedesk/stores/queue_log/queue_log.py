"""The write-behind log, on persist-queue's SQLite queue.

An append is one record, one queue item and so one commit at ``synchronous=FULL``: when it
returns, its events survive a power cut (promise 1). Reading moves a cursor in memory; ``ack``
deletes everything up to it in one commit: at-least-once delivery. A reader that died is followed
by one that calls ``after_seq`` 0.

A commit that failed is never tried again and called durable: the log takes nothing more until
``mending`` has let go of the files and settled what they hold (see ``settling``).

Events are known by (epoch, seq), never by the queue's row id: row ids start again in a new file.
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

    ``append`` may be called by one thread at a time, and ``read``, and ``ack`` by one
    other; the two do not wait for each other beyond SQLite's own lock.
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
        """Use what is open; see ``opening.open_log``.

        Args:
            path: where the queue is.
            queue: keeps the records.
            watermarks: what is remembered of it beside it.
            files: all of its files.
            failpoints: of the stack; by default nothing can be armed.
        """
        self.path = path
        self._reach = (failpoints or Failpoints()).reach
        self._queue = queue
        self.watermarks = watermarks
        self.files = files
        self._failure = ""
        self.trouble = ""
        """Why the last append was refused, in a word or two; empty when it was not."""
        self._failures = 0
        self._counting = threading.Lock()
        # Number and last seq of each record that was not acked.
        self._records: deque[tuple[int, int]] = deque()
        self._acked = self._appended_record = self._read_seq = 0

    def faults(self) -> Sequence[Fault]:
        """Return one of each kind of its faults."""
        return faults_of(self)

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now, in a word or two; empty when it does."""
        if self.files.trouble:
            return "file gone"
        return "failed" if self.failed else self.trouble

    @property
    def epoch(self) -> int:
        """The number that tells this log from any other."""
        return int(self.watermarks.epoch)

    @property
    def bytes(self) -> int:
        """The size of the log's files."""
        size = 0
        for path in (self.path, self.path.with_name(self.path.name + "-wal")):
            # It may be gone, or where this user may look no longer.
            with suppress(OSError):
                size += path.stat().st_size
        return size

    def recover(self, applied_through: int) -> list[tuple[list[WriteEvent], float]]:
        """Return all records in the log, oldest first, each with its age in seconds.

        Args:
            applied_through: the newest log seq that the database says it has applied.

        Raises:
            Damaged: a record is damaged or of another log, or events are missing.
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
            # The process died between the commit and the note.
            self.watermarks.note_log(newest)
        self._reach("boot.witness.after")
        return found

    def append(self, events: Sequence[WriteEvent]) -> None:
        """Make ``events`` durable, all of them or none.

        Raises:
            Unavailable: the disk is full, the log is locked, or an earlier commit failed and was
                not mended; nothing was written.
            OutcomeUnknown: the commit itself failed; they are in the log, or they are not.
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
        """Have SQLite refuse what is appended because the disk is full, or no longer: a fault.

        Raises:
            Unavailable: it cannot be done now.
        """
        try:
            self._queue.set_disk_full(full)
            self.trouble = DISK_FULL if full else ""
        except sqlite3.Error as error:
            raise Unavailable(f"the write-behind log does not answer: {error}") from error

    @property
    def failed(self) -> bool:
        """Whether a commit failed: nothing is taken until it is mended."""
        return bool(self._failure)

    @contextmanager
    def mending(self) -> Iterator[int]:
        """Make sure of what is in the log after a commit failed. The caller adopts the
        ``stray_records`` in the block, and behind it the log takes events again. To be used where
        ``append`` may be.

        Raises:
            Unavailable: the disk still fails; nothing was changed.
        """
        failures = self._failures
        if self.files.look():
            # To open what is not there would make it anew, and empty.
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
        """Return the records behind ``after_seq``: their writer was interrupted, or did not get to
        know that they were appended. The caller makes them pending.

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
        """Return everything that was not acked, oldest first, read afresh.

        Raises:
            Unavailable: the log cannot be read.
        """
        try:
            records = self._records_after(0)
        except Damaged as error:
            raise Unavailable(str(error)) from error
        return [event for _, record in records for event in record.events]

    def read(self, after_seq: int, through_seq: int, most_events: int) -> tuple[WriteEvent, ...]:
        """Return the events of the records behind ``after_seq``, at least one record if there is
        one, until they are ``most_events`` or a record ends above ``through_seq``.

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
        """Return the last seq that ``ack`` would forget: records are acked whole. 0: none."""
        return self._until(through_seq)[1]

    def ack(self, through_seq: int) -> int:
        """Forget the records of which every event is decided.

        Args:
            through_seq: the seq up to which every event is applied or a dead letter.

        Returns:
            The last seq that is forgotten, 0 when there is none.

        Raises:
            Unavailable: the log cannot be written; they will be delivered again.
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
                # What is appended after it would be lost with it.
                self._fail(error)
            raise Unavailable(f"the write-behind log cannot be trimmed: {error}") from error
        self._queue.cursor = max(self._queue.cursor, number)
        self.watermarks.note_acked(last_seq)
        return self._forget(lambda each, _: each <= number)

    def _know(self, number: int, last_seq: int) -> None:
        """Keep the number of a record, once."""
        with self._counting:
            if number > self._appended_record:
                self._records.append((number, last_seq))
                self._appended_record = number

    def _until(self, through_seq: int) -> tuple[int, int]:
        """Return number and last seq of the last record that ends at ``through_seq`` or before; 0
        and 0 when there is none."""
        found = (0, 0)
        with self._counting:
            for record in self._records:
                if record[1] > through_seq:
                    break
                found = record
        return found

    def _number_of(self, seq: int) -> int:
        """Return the number of the record that ends at ``seq`` or before; that of the newest one
        that was acked when it is none of these."""
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
            " it is tried again with each write"
        )

    def close(self) -> None:
        """Close the files; the witness remembers that it was done in order."""
        # An interrupt may have closed it already, and what is not at its path is let alone.
        with suppress(sqlite3.Error):
            if not self.files.trouble:
                self._queue.shrink()
        self._queue.close()
        self._reach("close.witness.before")
        self.watermarks.close()
        self._reach("close.witness.after")

    def _records_after(self, number: int) -> list[tuple[int, Record]]:
        """Return the records after the one of this number, each with its number."""
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
                f"the write-behind log {self.path} and its witness are of different logs;"
                " restore the whole data directory from one backup"
            )
        return record
