"""The write-behind log: durable units, delivery at least once, and damage that is noticed."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cachedesk
from cachedesk.engine.errors import Closed, Damaged, Unavailable
from cachedesk.engine.events import Op, WriteEvent
from cachedesk.engine.log import Batch, WriteBehindLog
from cachedesk.engine.record import encode
from cachedesk.engine.stack import Stack

from . import scenarios
from .scenarios import PATIENT, running
from .until import Task, until


def incr(seq: int, key: bytes = b"k") -> WriteEvent:
    return WriteEvent(seq, Op.INCR, key, 1, time.time())


def append(log: WriteBehindLog, *seqs: int) -> None:
    events = [incr(seq) for seq in seqs]
    log.append(events)
    log.publish(events)


def seqs(batch: Batch) -> list[int]:
    return [event.seq for event in batch.events]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[WriteBehindLog]:
    log = WriteBehindLog(tmp_path / "log")
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
    WriteBehindLog(tmp_path / "log").close()
    folder = (tmp_path / "log").resolve()
    assert any(path.parent == folder and path.name.startswith("witness") for path in synced)
    assert folder in synced


def test_what_was_appended_is_read_in_order(log: WriteBehindLog) -> None:
    append(log, 1, 2)
    append(log, 3)
    append(log, 5, 9)
    assert log.waiting == 5
    assert seqs(log.read(100)) == [1, 2, 3, 5, 9]
    assert log.read(100).events == ()


def test_a_batch_ends_with_a_record(log: WriteBehindLog) -> None:
    append(log, 1, 2)
    append(log, 3, 4)
    append(log, 5)
    assert seqs(log.read(1)) == [1, 2]
    assert seqs(log.read(3)) == [3, 4, 5]


def test_rewind_delivers_again_what_was_not_acked(log: WriteBehindLog) -> None:
    for seq in (1, 2, 3, 4):
        append(log, seq)
    first = log.read(2)
    log.ack(first)
    assert seqs(log.read(1)) == [3]
    log.rewind()
    assert seqs(log.read(10)) == [3, 4]
    log.rewind()
    log.rewind()
    assert seqs(log.read(1)) == [3]


def test_ack_removes_from_the_file(tmp_path: Path) -> None:
    log = WriteBehindLog(tmp_path)
    for seq in (1, 2, 3):
        append(log, seq)
    log.ack(log.read(2))
    assert (log.waiting, log.acked_through) == (1, 2)
    log.close()
    again = WriteBehindLog(tmp_path)
    assert [event.seq for event in again.recover(2)] == [3]
    again.close()


def test_an_append_while_a_batch_is_out_is_not_acked_with_it(log: WriteBehindLog) -> None:
    append(log, 1)
    batch = log.read(10)
    append(log, 2)
    log.ack(batch)
    assert log.waiting == 1
    assert seqs(log.read(10)) == [2]


def test_an_event_is_delivered_only_once_it_is_published(log: WriteBehindLog) -> None:
    events = [incr(1)]
    log.append(events)
    assert log.read(10).events == ()
    assert log.waiting == 0
    log.publish(events)
    assert seqs(log.read(10)) == [1]


def test_what_an_interrupted_append_left_is_found(log: WriteBehindLog) -> None:
    append(log, 1)
    scenarios.interrupted(log.append, [incr(2), incr(3)], at="log.append.after_commit")
    strays = log.strays()
    assert [event.seq for event in strays] == [2, 3]
    log.publish(strays)
    assert log.strays() == []
    append(log, 4)
    assert seqs(log.read(10)) == [1, 2, 3, 4]


def test_grown_is_set_when_enough_wait(log: WriteBehindLog) -> None:
    log.grown_at = 3
    append(log, 1, 2)
    assert not log.grown.is_set()
    append(log, 3)
    assert log.grown.is_set()


def test_the_age_of_the_oldest(log: WriteBehindLog) -> None:
    assert log.oldest_seconds == 0
    append(log, 1)
    until(lambda: log.oldest_seconds > 0.01)
    append(log, 2)
    assert log.oldest_seconds > 0.01
    log.ack(log.read(10))
    assert log.oldest_seconds == 0


def test_the_age_goes_on_over_a_restart(tmp_path: Path) -> None:
    log = WriteBehindLog(tmp_path)
    event = WriteEvent(1, Op.INCR, b"k", 1, time.time() - 100)
    log.append([event])
    log.publish([event])
    log.close()
    again = WriteBehindLog(tmp_path)
    again.recover(0)
    assert 99 < again.oldest_seconds < 130
    again.close()


def test_the_epoch_stays_and_is_another_in_another_log(tmp_path: Path) -> None:
    epochs = []
    for name in ("a", "a", "b"):
        log = WriteBehindLog(tmp_path / name)
        epochs.append(log.epoch)
        log.close()
    assert epochs[0] == epochs[1] != epochs[2]


def test_bytes_are_those_of_its_files(log: WriteBehindLog) -> None:
    before = log.bytes
    event = WriteEvent(1, Op.SET, b"k", b"x" * 500_000, 0.0)
    log.append([event])
    log.publish([event])
    assert 500_000 <= log.bytes - before <= 600_000


def test_after_close_it_says_so(tmp_path: Path) -> None:
    log = WriteBehindLog(tmp_path)
    log.close()
    with pytest.raises(Closed):
        log.append([incr(1)])


def test_a_lock_on_the_file_is_unavailable_and_nothing_is_written(
    log: WriteBehindLog, tmp_path: Path
) -> None:
    log._queue._putter.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(tmp_path / "log" / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="cannot be written"):
        log.append([incr(1)])
    other.execute("ROLLBACK")
    other.close()
    assert log.strays() == []
    append(log, 2)
    assert seqs(log.read(10)) == [2]


def test_one_thread_appends_while_another_reads_and_acks(log: WriteBehindLog) -> None:
    def write() -> None:
        for number in range(150):
            append(log, 2 * number + 1, 2 * number + 2)

    writer = Task(write)
    got: list[int] = []
    while len(got) < 300:
        batch = log.read(17)
        if batch.events:
            got += seqs(batch)
            log.ack(batch)
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
    log = WriteBehindLog(folder)
    log.recover(0)
    unacked: list[int] = []
    place = newest = acked = 0
    out: list[Batch] = []
    for step in script:
        if step == "append":
            append(log, newest + 1)
            newest += 1
            unacked.append(newest)
        elif step == "read":
            batch = log.read(2)
            assert seqs(batch) == unacked[place : place + 2]
            place += len(batch.events)
            if batch.events:
                out.append(batch)
        elif step == "ack" and out:
            log.ack(out[-1])
            acked = out[-1].events[-1].seq
            unacked, place, out = unacked[place:], 0, []
        elif step == "rewind":
            log.rewind()
            place, out = 0, []
        elif step == "reopen":
            log.close()
            log = WriteBehindLog(folder)
            assert [event.seq for event in log.recover(acked)] == unacked
            place, out = 0, []
        assert log.waiting == len(unacked)
    log.close()


# -- damage ---------------------------------------------------------------------------------------


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A data directory with three pending records, closed in order."""
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.set("order:1", b"paid")
        for number in range(3):
            stack.layer.set(f"session:{number}", b"x" * 50)
    return tmp_path / "data"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The same as a kill leaves it: what is new is in the -wal files."""
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.set("order:1", b"paid")
        for number in range(3):
            stack.layer.set(f"session:{number}", b"x" * 50)
        scenarios.copy_as_after_a_kill(tmp_path / "data", tmp_path / "killed")
    return tmp_path / "killed"


def change_record(data: Path, number: int, new: object) -> None:
    other = sqlite3.connect(data / "log" / "log.db")
    with other:
        changed = other.execute("UPDATE queue_events SET data=? WHERE _id=?", (new, number))
        assert changed.rowcount == 1
    other.close()


def refused(data: Path, message: str) -> None:
    """Opening raises one clear error, twice, and leaves the log and the database as they are."""
    kept = ("cachedesk.db", "log/log.db", "log/witness")
    before = {name: (data / name).read_bytes() for name in kept if (data / name).is_file()}
    for _ in range(2):
        with pytest.raises(Damaged, match=message):
            Stack(data).close()
    after = {name: (data / name).read_bytes() for name in before}
    assert {name for name in before if before[name] and before[name] != after[name]} == set()


def test_an_emptied_log_file_is_noticed(closed: Path) -> None:
    (closed / "log" / "log.db").write_bytes(b"")
    refused(closed, "lost events .* to 4.*restore the whole data directory")


def test_a_deleted_log_file_is_noticed(closed: Path) -> None:
    (closed / "log" / "log.db").unlink()
    refused(closed, "lost events .* to 4")


def test_a_deleted_log_folder_is_noticed(closed: Path) -> None:
    shutil.rmtree(closed / "log")
    refused(closed, "do not belong together")


def test_a_deleted_wal_is_noticed(tmp_path: Path) -> None:
    scenarios.lost_wal_is_noticed(tmp_path)


def test_a_deleted_wal_of_the_database_is_noticed(killed: Path) -> None:
    for wal in killed.glob("cachedesk.db-*"):
        wal.unlink()
    with pytest.raises(Damaged):
        Stack(killed).close()


@pytest.mark.parametrize("policy", [scenarios.THROUGH, scenarios.BEHIND])
@pytest.mark.parametrize("gone", ["cachedesk.db", "cachedesk.db-wal"])
def test_a_lost_database_is_noticed_whatever_was_in_it(
    tmp_path: Path, gone: str, policy: str
) -> None:
    with running(tmp_path / "data") as stack:
        stack.layer.set("key", b"x", policy=policy)
        stack.layer.drain(5)
        scenarios.copy_as_after_a_kill(tmp_path / "data", tmp_path / "copy")
    for path in (tmp_path / "copy").glob(f"{gone}*"):
        path.unlink()
    with pytest.raises(Damaged):
        Stack(tmp_path / "copy").close()


def test_a_log_of_another_directory_is_noticed(closed: Path, tmp_path: Path) -> None:
    with running(tmp_path / "other", PATIENT) as stack:
        stack.layer.set("session:1", b"another")
    shutil.rmtree(closed / "log")
    shutil.copytree(tmp_path / "other" / "log", closed / "log")
    refused(closed, "do not belong together")


def test_the_log_file_alone_of_another_directory_is_noticed(closed: Path, tmp_path: Path) -> None:
    with running(tmp_path / "other", PATIENT) as stack:
        for number in range(9):
            stack.layer.set(f"session:{number}", b"another")
    shutil.copy(tmp_path / "other" / "log" / "log.db", closed / "log" / "log.db")
    refused(closed, "different logs")


def test_a_log_file_of_a_backup_is_noticed(closed: Path, tmp_path: Path) -> None:
    backup = tmp_path / "log.db"
    shutil.copy(closed / "log" / "log.db", backup)
    with running(closed, PATIENT) as stack:
        stack.layer.set("session:9", b"since the backup")
    shutil.copy(backup, closed / "log" / "log.db")
    refused(closed, "lost events 5 to 5")


@pytest.mark.parametrize(
    "garbage", [b"garbage", b"SQLite format 3\x00" + b"\xff" * 5_000], ids=["short", "a header"]
)
def test_garbage_is_noticed(closed: Path, garbage: bytes) -> None:
    (closed / "log" / "log.db").write_bytes(garbage)
    refused(closed, "log.db cannot be")


@pytest.mark.parametrize("witness", [b"", b"x" * 24, b"x" * 40, b"x" * 500], ids=len)
def test_a_damaged_witness_is_noticed(closed: Path, witness: bytes) -> None:
    (closed / "log" / "witness").write_bytes(witness)
    refused(closed, "the witness .* is damaged")


def test_a_deleted_witness_is_noticed(closed: Path) -> None:
    (closed / "log" / "witness").unlink()
    refused(closed, "do not belong together|different logs")


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    "new",
    [b"", b"\x00" * 60, "text", 5, None, pickle.dumps([1, 2]), encode(1, [])],
    ids=["empty", "zeros", "text", "integer", "null", "pickle", "no events"],
)
def test_a_damaged_record_is_noticed_wherever_it_is(closed: Path, number: int, new: object) -> None:
    change_record(closed, number, new)
    refused(closed, f"damaged at record {number}|different logs")


def test_one_flipped_bit_in_the_file_is_noticed(closed: Path) -> None:
    path = closed / "log" / "log.db"
    data = bytearray(path.read_bytes())
    data[data.index(b"x" * 50) + 25] ^= 1
    path.write_bytes(bytes(data))
    refused(closed, "damaged at record")


def test_a_damaged_record_of_a_killed_process_is_noticed(killed: Path) -> None:
    """Here what is new is in the -wal; what was refused is still all there afterwards."""
    change_record(killed, 2, b"damaged")
    for _ in range(2):
        with pytest.raises(Damaged, match="damaged at record 2"):
            Stack(killed).close()
    other = sqlite3.connect(killed / "log" / "log.db")
    assert other.execute("SELECT count(*) FROM queue_events").fetchone() == (3,)
    other.close()


def test_a_refused_open_can_be_mended_and_opened(closed: Path) -> None:
    path = closed / "log" / "log.db"
    good = path.read_bytes()
    path.write_bytes(b"garbage")
    refused(closed, "cannot be")
    path.write_bytes(good)
    with running(closed) as stack:
        assert stack.layer.get("session:2") == b"x" * 50


def test_no_pickle_anywhere() -> None:
    """Reading a file must never run code from it."""
    folder = Path(cachedesk.__file__).parent
    users = [
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(import|from)\s+\w*(pickle|marshal|shelve|dill)", path.read_text(), re.M)
    ]
    assert users == []


def test_the_serializer_of_the_queue_is_ours(log: WriteBehindLog) -> None:
    assert "pickle" not in repr(log._queue._serializer)
    assert log._queue._serializer.loads(b"\x80\x04N.") == b"\x80\x04N."
