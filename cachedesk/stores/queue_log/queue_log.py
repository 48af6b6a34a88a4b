"""The write-behind log, on persist-queue's SQLite queue.

An append is one record, one queue item and so one commit at ``synchronous=FULL``: when it
returns, its events survive a power cut (promise 1). Reading moves a cursor in memory; ``ack``
deletes everything up to it in one commit: at-least-once delivery. A reader that died is followed
by one that calls ``rewind``.

A commit that failed is never tried again and called durable: the log takes nothing more until
``mending`` has let go of the files and settled what they hold (see ``settling``).

Events are known by (epoch, seq), never by the queue's row id: row ids start again in a new file.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from persistqueue import Empty

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import Closed, Damaged, OutcomeUnknown, Unavailable
from cachedesk.core.events import COUNTER_MAX, WriteEvent
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.wakeup import Wakeup
from cachedesk.stores.files.connections import not_opened
from cachedesk.stores.files.open_files import OpenFiles
from cachedesk.stores.files.unwritten import DISK_FULL, is_certain, word_of
from cachedesk.stores.files.watermarks import Watermarks
from cachedesk.stores.queue_log.queue import DurableQueue, Verbatim
from cachedesk.stores.queue_log.record import Record, decode, encode
from cachedesk.stores.queue_log.unacked import Unacked

_FILE = "log.db"
_WITNESS = "witness"
_LOCKED_SECONDS = 0.5


class QueueLog:
    """The durable log of one data directory.

    ``append`` may be called by one thread at a time, and ``read``, ``ack`` and ``rewind`` by one
    other; the two do not wait for each other beyond SQLite's own lock.
    """

    def __init__(self, folder: Path, failpoints: Failpoints | None = None) -> None:
        """Open the log in ``folder``, or create it.

        Args:
            folder: where its files are.
            failpoints: of the stack; by default nothing can be armed.

        Raises:
            Damaged: a record or the witness is damaged, or they do not belong together.
        """
        self.path = folder / _FILE
        self._reach = (failpoints or Failpoints()).reach
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._queue = DurableQueue(
                str(folder),
                name="events",
                multithreading=True,
                auto_commit=False,
                serializer=Verbatim,
                db_file_name=_FILE,
                timeout=_LOCKED_SECONDS,
            )
            self.witness = Watermarks(folder / _WITNESS)
            self.files = OpenFiles(self.path, [folder / _WITNESS])
        except (sqlite3.DatabaseError, OSError) as error:
            raise not_opened(f"the write-behind log {self.path}", error) from error
        self._failure = ""
        self.trouble = ""
        """Why the last append was refused, in a word or two; empty when it was not."""
        self._failures = 0
        self._appended_record = self._published_record = 0
        self._acked = self._read_seq = 0
        self._counting = threading.Lock()
        self._unacked = Unacked(self._counting)
        self.grown = Wakeup()
        self.grown_at = 1

    @property
    def obstacle(self) -> str:
        """Why it takes no writes now, in a word or two; empty when it does."""
        if self.files.trouble:
            return "file gone"
        return "failed" if self.failed else self.trouble

    @property
    def epoch(self) -> int:
        """The number that tells this log from any other."""
        return int(self.witness.epoch)

    @property
    def waiting(self) -> int:
        """How many events are in the log and not acked. When an append makes them reach
        ``grown_at``, the event ``grown`` is set."""
        return self._unacked.events

    @property
    def unread(self) -> int:
        """How many of the ``waiting`` events ``read`` has not delivered yet."""
        return self._unacked.behind(self._read_seq)

    def ring_at(self, unread: int) -> None:
        """Have an append set ``grown`` when it makes ``unread`` reach this number."""
        self.grown_at = self.waiting - self.unread + unread

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest event that was not acked; 0 when there is none."""
        return self._unacked.oldest_seconds

    @property
    def acked_through(self) -> int:
        """The seq up to which no event can be delivered again. (An event that is appended later
        is of a key that nothing above its seq has changed: see ``fence``.)"""
        with self._counting:
            first_seq = self._unacked.first_seq
            newest = COUNTER_MAX if first_seq is None else first_seq - 1
            # What a commit that failed may have left comes behind all that was published.
            return min(newest, self._unacked.published_seq) if self._failure else newest

    @property
    def bytes(self) -> int:
        """The size of the log's files."""
        size = 0
        for path in (self.path, self.path.with_name(_FILE + "-wal")):
            # It may be gone, or where this user may look no longer.
            with suppress(OSError):
                size += path.stat().st_size
        return size

    def recover(self, applied_through: int) -> list[WriteEvent]:
        """Return all events in the log, oldest first, and prepare to read them again.

        Args:
            applied_through: the newest log seq that the database says it has applied.

        Raises:
            Damaged: a record is damaged or of another log, or events are missing.
        """
        events: list[WriteEvent] = []
        records = self._records_after(0)
        for place, (number, record) in enumerate(records):
            if place == len(records) // 2:
                self._reach("boot.index.mid")
            events += record.events
            self._appended_record = number
            age = max(0.0, wall_seconds() - record.events[0].at)
            self._deliver(record.events, time.monotonic() - age)
        newest = max(applied_through, events[-1].seq if events else 0)
        if self.witness.log_seq > newest:
            raise Damaged(
                f"the write-behind log {self.path} has lost events {newest + 1} to"
                f" {self.witness.log_seq}: its file was emptied, replaced or restored without"
                " the rest; restore the whole data directory from one backup"
            )
        self._reach("boot.witness.before")
        if newest > self.witness.log_seq:
            # The process died between the commit and the note.
            self.witness.note_log(newest)
        self._reach("boot.witness.after")
        self.rewind()
        return events

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
            self._appended_record = self._queue.put(data)
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
        self.witness.note_log(events[-1].seq)
        if trouble := self.files.look() or self.witness.failure:
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
    def mending(self) -> Iterator[None]:
        """Make sure of what is in the log after a commit failed. The caller adopts the ``strays``
        in the block, and behind it the log takes events again. To be used where ``append`` may be.

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
        self._unacked.forget_below(oldest)
        yield
        with self._counting:
            if failures == self._failures:
                self._failure = ""

    def publish(self, events: Sequence[WriteEvent]) -> None:
        """Let ``read`` deliver ``events``, which were appended and are now known as pending. An
        event that were applied before it is pending would stay pending for ever."""
        self._deliver(events, time.monotonic())
        if self.waiting >= self.grown_at:
            self.grown.set()

    def strays(self) -> list[WriteEvent]:
        """Return the events of records that were appended and not published: their writer was
        interrupted. The caller makes them pending and publishes them.

        Raises:
            Unavailable: the log cannot be read; ``mending`` makes it readable.
        """
        try:
            records = self._records_after(self._published_record)
        except Damaged as error:
            self._fail(error)
            raise Unavailable(str(error)) from error
        for number, record in records:
            self._appended_record = number
            self.witness.note_log(record.events[-1].seq)
        return [event for _, record in records for event in record.events]

    def undelivered(self) -> list[WriteEvent]:
        """Return the published events that were not acked, oldest first, read afresh.

        Raises:
            Unavailable: the log cannot be read.
        """
        through = self._unacked.published_seq
        try:
            records = self._records_after(0)
        except Damaged as error:
            raise Unavailable(str(error)) from error
        return [it for _, record in records for it in record.events if it.seq <= through]

    def read(self, most_events: int) -> tuple[WriteEvent, ...]:
        """Return the events of the next published records, at least one record if there is one,
        until they are ``most_events``.

        Raises:
            Damaged: a record is damaged.
            Unavailable: SQLite does not answer.
        """
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
            if found[-1].seq > self._unacked.published_seq:
                self._queue.cursor = before
                break
            events += found
            self._read_seq = found[-1].seq
        return tuple(events)

    def ackable(self, through_seq: int) -> int:
        """Return the last seq that ``ack`` would forget: records are acked whole. 0: none."""
        return self._unacked.until(through_seq).last_seq

    def ack(self, through_seq: int) -> None:
        """Forget the records of which every event is decided; what was read behind them stays
        read.

        Args:
            through_seq: the seq up to which every event is applied or a dead letter.

        Raises:
            Unavailable: the log cannot be written; they will be delivered again.
        """
        number, last_seq = self._unacked.until(through_seq)
        if not number:
            return
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
        self.witness.note_acked(last_seq)
        self._acked = number
        self._unacked.forget_until(last_seq)

    def rewind(self) -> None:
        """Deliver again everything that was not acked: the reader died, or its batch failed."""
        self._queue.cursor = self._acked
        self._read_seq = 0

    def _deliver(self, events: Sequence[WriteEvent], at: float) -> None:
        """Each step may be the last before an interrupt: then all of it is done again."""
        self._unacked.add(events, self._appended_record, at)
        self._published_record = self._appended_record

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
        self.witness.close()
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
