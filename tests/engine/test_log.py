"""The write-behind log: durable units, and delivery at least once."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.errors import Closed, Unavailable
from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.settings import LogSettings
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.stores.queue_log.opening import open_log
from cachedesk.stores.queue_log.queue import DurableQueue

from . import scenarios
from .until import Task, until


def incr(seq: int, key: bytes = b"k") -> WriteEvent:
    return WriteEvent(seq, Op.INCR, key, 1, time.time())


class Reader:
    """A log and the place up to which it was read, as the worker has it."""

    def __init__(self, folder: Path, failpoints: Failpoints | None = None) -> None:
        self.log = open_log(folder, failpoints)
        self.backlog = Backlog(self.log, LogSettings())
        self.place = 0

    def recover(self, applied_through: int) -> list[WriteEvent]:
        """Open it, and return what is in it."""
        found = self.log.recover(applied_through)
        for events, age_seconds in found:
            self.backlog.recover(events, age_seconds, pending=events)
        return [event for events, _ in found for event in events]

    def append(self, *seqs: int) -> None:
        """Append increments as one record."""
        self.take([incr(seq) for seq in seqs])

    def take(self, events: Sequence[WriteEvent]) -> None:
        """Append ``events`` as one record."""
        self.log.append(events)
        self.backlog.accept(events, {})

    def read(self, most: int) -> tuple[WriteEvent, ...]:
        """Read what comes next."""
        events = self.log.read(self.place, self.backlog.published_seq, most)
        if events:
            self.place = events[-1].seq
        return events

    def ack(self, through_seq: int) -> None:
        """Ack what ends at this seq or before."""
        self.backlog.acked(self.log.ack(through_seq))

    def rewind(self) -> None:
        """Read again what was not acked."""
        self.place = 0

    @property
    def unread(self) -> int:
        """How many events wait behind the place."""
        return self.backlog.unread(self.place)

    @property
    def waiting(self) -> int:
        """How many events were not acked."""
        return self.backlog.waiting

    def close(self) -> None:
        """Close the log."""
        self.log.close()


def seqs(events: Sequence[WriteEvent]) -> list[int]:
    return [event.seq for event in events]


@pytest.fixture
def failpoints() -> Failpoints:
    return Failpoints()


@pytest.fixture
def log(tmp_path: Path, failpoints: Failpoints) -> Iterator[Reader]:
    log = Reader(tmp_path / "log", failpoints)
    assert log.recover(0) == []
    yield log
    log.close()


def test_it_is_safe_against_power_cuts(tmp_path: Path) -> None:
    scenarios.log_is_safe_against_power_cuts(tmp_path)


def test_the_witness_is_synced_when_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut soon after would leave it empty, and the log unreadable with it."""
    synced: list[Path] = []

    def spy(call: Callable[[int], None]) -> Callable[[int], None]:
        def sync(descriptor: int) -> None:
            call(descriptor)
            synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

        return sync

    monkeypatch.setattr(os, "fsync", spy(os.fsync))
    monkeypatch.setattr(os, "fdatasync", spy(os.fdatasync))
    open_log(tmp_path / "log").close()
    folder = (tmp_path / "log").resolve()
    assert any(path.parent == folder and path.name.startswith("witness") for path in synced)
    assert folder in synced


def test_what_was_appended_is_read_in_order(log: Reader) -> None:
    log.append(1, 2)
    log.append(3)
    log.append(5, 9)
    assert log.waiting == 5
    assert seqs(log.read(100)) == [1, 2, 3, 5, 9]
    assert log.read(100) == ()


def test_a_batch_ends_with_a_record(log: Reader) -> None:
    log.append(1, 2)
    log.append(3, 4)
    log.append(5)
    assert seqs(log.read(1)) == [1, 2]
    assert seqs(log.read(3)) == [3, 4, 5]


def test_rewind_delivers_again_what_was_not_acked(log: Reader) -> None:
    for seq in (1, 2, 3, 4):
        log.append(seq)
    first = log.read(2)
    log.ack(first[-1].seq)
    assert seqs(log.read(1)) == [3]
    log.rewind()
    assert seqs(log.read(10)) == [3, 4]
    log.rewind()
    log.rewind()
    assert seqs(log.read(1)) == [3]


def test_ack_removes_from_the_file(tmp_path: Path) -> None:
    log = Reader(tmp_path)
    for seq in (1, 2, 3):
        log.append(seq)
    log.ack(log.read(2)[-1].seq)
    assert (log.waiting, log.backlog.acked_through) == (1, 2)
    log.close()
    again = Reader(tmp_path)
    assert [event.seq for event in again.recover(2)] == [3]
    again.close()


def test_records_are_acked_whole_and_what_was_read_behind_them_stays_read(
    log: Reader,
) -> None:
    log.append(1, 2)
    log.append(3, 4)
    log.append(5)
    assert seqs(log.read(4)) == [1, 2, 3, 4]
    assert (log.log.ackable(1), log.log.ackable(2), log.log.ackable(3)) == (0, 2, 2)
    log.ack(1)
    assert (log.waiting, log.unread) == (5, 1)
    log.ack(3)
    assert (log.waiting, log.unread, log.backlog.acked_through) == (3, 1, 2)
    assert seqs(log.read(10)) == [5]
    log.rewind()
    assert seqs(log.read(10)) == [3, 4, 5]


def test_an_ack_that_failed_and_shows_after_the_mending_hides_nothing_that_is_unread(
    log: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(1)
    log.append(2)
    log.append(3)
    log.read(10)

    def fail(self: DurableQueue, number: int, seq: int) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(DurableQueue, "ack", fail)
        with pytest.raises(Unavailable):
            log.ack(2)
    log.rewind()
    assert seqs(log.read(10)) == [1, 2, 3]
    log.log._queue.ack(2, 2)
    with log.log.mending() as acked_through:
        log.backlog.acked(acked_through)
    log.append(4)
    assert (log.waiting, log.unread) == (2, 1)
    assert seqs(log.read(10)) == [4]
    assert log.unread == 0


def test_an_append_while_a_batch_is_out_is_not_acked_with_it(log: Reader) -> None:
    log.append(1)
    batch = log.read(10)
    log.append(2)
    log.ack(batch[-1].seq)
    assert log.waiting == 1
    assert seqs(log.read(10)) == [2]


def test_an_event_is_delivered_only_once_it_is_published(log: Reader) -> None:
    events = [incr(1)]
    log.log.append(events)
    assert log.read(10) == ()
    assert log.waiting == 0
    log.backlog.accept(events, {})
    assert seqs(log.read(10)) == [1]


def test_what_an_interrupted_append_left_is_found(log: Reader, failpoints: Failpoints) -> None:
    log.append(1)
    late = [incr(2), incr(3)]
    scenarios.interrupted(failpoints, log.log.append, late, at="log.append.after_commit")
    (strays,) = log.log.stray_records(log.backlog.published_seq)
    assert [event.seq for event in strays] == [2, 3]
    log.backlog.adopt(strays)
    assert log.log.stray_records(log.backlog.published_seq) == []
    log.append(4)
    assert seqs(log.read(10)) == [1, 2, 3, 4]


def test_grown_is_set_when_enough_wait(log: Reader) -> None:
    log.backlog.wake_at(3, 0)
    log.append(1, 2)
    assert not log.backlog.grown.is_set()
    log.append(3)
    assert log.backlog.grown.is_set()


def test_the_age_of_the_oldest(log: Reader) -> None:
    assert log.backlog.oldest_seconds == 0
    log.append(1)
    until(lambda: log.backlog.oldest_seconds > 0.01)
    log.append(2)
    assert log.backlog.oldest_seconds > 0.01
    log.ack(log.read(10)[-1].seq)
    assert log.backlog.oldest_seconds == 0


def test_the_age_goes_on_over_a_restart(tmp_path: Path) -> None:
    log = Reader(tmp_path)
    event = WriteEvent(1, Op.INCR, b"k", 1, time.time() - 100)
    log.take([event])
    log.close()
    again = Reader(tmp_path)
    again.recover(0)
    assert 99 < again.backlog.oldest_seconds < 130
    again.close()


def test_the_epoch_stays_and_is_another_in_another_log(tmp_path: Path) -> None:
    epochs = []
    for name in ("a", "a", "b"):
        log = Reader(tmp_path / name)
        epochs.append(log.log.epoch)
        log.close()
    assert epochs[0] == epochs[1] != epochs[2]


def test_bytes_are_those_of_its_files(log: Reader) -> None:
    before = log.log.bytes
    event = WriteEvent(1, Op.SET, b"k", b"x" * 500_000, 0.0)
    log.take([event])
    assert 500_000 <= log.log.bytes - before <= 600_000


def test_after_close_it_says_so(tmp_path: Path) -> None:
    log = Reader(tmp_path)
    log.close()
    with pytest.raises(Closed):
        log.log.append([incr(1)])


def test_a_lock_on_the_file_is_unavailable_and_nothing_is_written(
    log: Reader, tmp_path: Path
) -> None:
    log.log._queue._putter.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(tmp_path / "log" / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="cannot be written"):
        log.log.append([incr(1)])
    other.execute("ROLLBACK")
    other.close()
    assert log.log.stray_records(0) == []
    log.append(2)
    assert seqs(log.read(10)) == [2]


def test_one_thread_appends_while_another_reads_and_acks(log: Reader) -> None:
    def write() -> None:
        for number in range(150):
            log.append(2 * number + 1, 2 * number + 2)

    writer = Task(write)
    got: list[int] = []
    while len(got) < 300:
        batch = log.read(17)
        if batch:
            got += seqs(batch)
            log.ack(batch[-1].seq)
        else:
            assert writer.is_alive() or log.waiting
    writer.result()
    assert got == list(range(1, 301))
    assert log.waiting == 0


scripts = st.lists(st.sampled_from(["append", "append", "read", "ack", "rewind", "reopen"]))


@settings(max_examples=40)
@given(scripts)
def test_any_order_delivers_each_event_until_it_is_acked(
    tmp_path_factory: pytest.TempPathFactory, script: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = Reader(folder)
    log.recover(0)
    unacked: list[int] = []
    place = newest = acked = 0
    draw = random.Random(len(script))
    for step in script:
        if step == "append":
            log.append(newest + 1)
            newest += 1
            unacked.append(newest)
        elif step == "read":
            batch = log.read(2)
            assert seqs(batch) == unacked[place : place + 2]
            place += len(batch)
        elif step == "ack" and place:
            # A prefix of what was read; the rest of it stays read.
            count = draw.randint(1, place)
            acked = unacked[count - 1]
            assert log.log.ackable(acked) == acked
            log.ack(acked)
            unacked, place = unacked[count:], place - count
        elif step == "rewind":
            log.rewind()
            place = 0
        elif step == "reopen":
            log.close()
            log = Reader(folder)
            assert [event.seq for event in log.recover(acked)] == unacked
            place = 0
        assert (log.waiting, log.unread) == (len(unacked), len(unacked) - place)
    log.close()


def test_the_serializer_of_the_queue_is_ours(log: Reader) -> None:
    assert "pickle" not in repr(log.log._queue._serializer)
    assert log.log._queue._serializer.loads(b"\x80\x04N.") == b"\x80\x04N."


def test_the_file_of_an_emptied_log_shrinks_when_it_is_closed(tmp_path: Path) -> None:
    log = Reader(tmp_path)
    for seq in range(1, 9):
        event = WriteEvent(seq, Op.SET, b"k", b"x" * 1_000_000, 1.0)
        log.take([event])
    log.read(6)
    log.ack(6)
    log.close()
    assert log.log.path.stat().st_size > 5_000_000, "what waits is not moved about"
    log = Reader(tmp_path)
    assert [event.seq for event in log.recover(6)] == [7, 8]
    log.read(8)
    log.ack(8)
    log.close()
    assert log.log.path.stat().st_size < 100_000
    log = Reader(tmp_path)
    assert log.recover(8) == []
    log.append(9)
    assert seqs(log.read(1)) == [9]
    log.close()
