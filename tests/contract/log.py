"""The contract of an ``EventLog`` and its ``Watermarks``: each function checks some sentences."""

from __future__ import annotations

import threading

import pytest
from engine.until import PATIENCE_SECONDS, until

from cachedesk.core.errors import CachedeskError, Closed, Damaged, OutcomeUnknown, Unavailable
from cachedesk.core.events import Op, WriteEvent

from .cases import LogCase, event, record, seqs_of

MOST = 2**62


def events_are_read_in_order_by_whole_records(case: LogCase) -> None:
    log = case.log
    first, second, third = record(1, 2, 3), record(5), record(7, 8)
    for events in (first, second, third):
        log.append(events)
    assert log.read(0, MOST, 100) == (*first, *second, *third)
    assert log.events() == [*first, *second, *third]
    assert seqs_of(log.read(0, MOST, 1)) == [1, 2, 3]
    assert seqs_of(log.read(0, MOST, 3)) == [1, 2, 3]
    assert seqs_of(log.read(0, MOST, 4)) == [1, 2, 3, 5]
    assert seqs_of(log.read(3, MOST, 1)) == [5]
    assert seqs_of(log.read(5, MOST, 9)) == [7, 8]
    assert log.read(8, MOST, 9) == ()
    assert seqs_of(log.read(0, MOST, 9)) == [1, 2, 3, 5, 7, 8], "again from the beginning"


def deadlines_are_kept(case: LogCase) -> None:
    at = 1_800_000_000.123456
    events = [
        WriteEvent(1, Op.SET, b"k", b"v", 1.0, at),
        WriteEvent(2, Op.EXPIRE, b"k", None, 2.0, at),
        WriteEvent(3, Op.EXPIRE, b"k", None, 3.0),
    ]
    case.log.append(events)
    assert case.log.read(0, MOST, 9) == tuple(events)
    assert case.log.events() == events


def a_record_above_the_limit_is_not_read(case: LogCase) -> None:
    log = case.log
    log.append(record(1, 2))
    log.append(record(3, 4))
    assert log.read(0, 1, 9) == ()
    assert seqs_of(log.read(0, 2, 9)) == [1, 2]
    assert seqs_of(log.read(0, 3, 9)) == [1, 2]
    assert seqs_of(log.read(2, 4, 9)) == [3, 4]


def keys_and_values_are_any_bytes(case: LogCase) -> None:
    events = [event(1, b"\x00\xff" * 512, b""), event(2, b"k", bytes(range(256)) * 400)]
    case.log.append(events)
    assert case.log.read(0, MOST, 9) == tuple(events)


def records_are_acked_as_a_whole(case: LogCase) -> None:
    log = case.log
    for seqs in ((1, 2), (3, 4), (5,)):
        log.append(record(*seqs))
    assert [log.ackable(seq) for seq in range(7)] == [0, 0, 2, 2, 4, 5, 5]
    assert log.ack(1) == 0
    assert log.ack(3) == 2
    assert seqs_of(log.events()) == [3, 4, 5]
    assert seqs_of(log.read(0, MOST, 9)) == [3, 4, 5]
    assert log.ackable(3) == 0
    assert log.ack(3) == 0, "once more"
    assert log.ack(9) == 5
    assert log.events() == []
    assert log.read(0, MOST, 9) == ()
    log.append(record(6))
    assert seqs_of(log.read(0, MOST, 9)) == [6]


def what_was_not_acked_is_there_again(case: LogCase) -> None:
    log, epoch = case.log, case.log.epoch
    log.append(record(1, 2))
    log.append(record(3))
    log.append(record(4, 5))
    log.ack(2)
    case.close()
    case.open()
    assert case.log.epoch == epoch
    found = case.log.recover(2)
    assert [seqs_of(events) for events, _ in found] == [[3], [4, 5]]
    assert all(0 <= age < PATIENCE_SECONDS for _, age in found)
    case.log.append(record(6))
    assert seqs_of(case.log.read(0, MOST, 9)) == [3, 4, 5, 6]
    assert case.log.ack(5) == 5
    assert seqs_of(case.log.events()) == [6]


def a_crash_loses_nothing(case: LogCase) -> None:
    case.log.append(record(1, 2))
    case.crash()
    case.open()
    assert case.log.watermarks.was_open
    assert [seqs_of(events) for events, _ in case.log.recover(0)] == [[1, 2]]


def an_empty_log_is_recovered(case: LogCase) -> None:
    case.close()
    case.open()
    assert case.log.recover(0) == []
    assert not case.log.watermarks.was_open
    assert (case.log.failed, case.log.obstacle) == (False, "")


def lost_events_are_not_overlooked(case: LogCase) -> None:
    case.log.append(record(1, 2, 3))
    case.close()
    case.lose_records()
    case.open()
    with pytest.raises(Damaged):
        case.log.recover(0)


def what_the_database_has_is_not_missed(case: LogCase) -> None:
    case.log.append(record(1, 2, 3))
    case.log.ack(3)
    case.close()
    case.open()
    assert case.log.recover(3) == []


def a_full_disk_takes_nothing_and_says_so(case: LogCase) -> None:
    log = case.log
    log.append(record(1))
    assert log.obstacle == ""
    case.fill_disk(True)
    for _ in range(2):
        with pytest.raises(Unavailable):
            log.append(record(2, 3))
    assert log.obstacle
    assert not log.failed, "it is certain what is in it"
    assert seqs_of(log.events()) == [1]
    assert seqs_of(log.read(0, MOST, 9)) == [1]
    case.fill_disk(False)
    log.append(record(4))
    assert seqs_of(log.events()) == [1, 4]
    assert log.obstacle == ""


def a_failed_commit_stops_it_until_it_is_mended(case: LogCase) -> None:
    log = case.log
    log.append(record(1))
    case.fail_commit(done=False)
    with pytest.raises(OutcomeUnknown):
        log.append(record(2, 3))
    assert log.failed
    assert log.obstacle
    with pytest.raises(Unavailable):
        log.append(record(4))
    with log.mending() as acked_through:
        assert acked_through == 0
        assert log.stray_records(1) == []
        assert log.failed, "not before the end of the block"
    assert (log.failed, log.obstacle) == (False, "")
    log.append(record(5))
    assert seqs_of(log.events()) == [1, 5]


def what_a_failed_commit_has_left_is_found(case: LogCase) -> None:
    log = case.log
    log.append(record(1))
    case.fail_commit(done=True)
    with pytest.raises(OutcomeUnknown):
        log.append(record(2, 3))
    with log.mending() as acked_through:
        assert acked_through == 0
        assert [seqs_of(events) for events in log.stray_records(1)] == [[2, 3]]
    log.append(record(4))
    assert seqs_of(log.read(0, MOST, 9)) == [1, 2, 3, 4]
    assert [log.ackable(seq) for seq in (1, 2, 3, 4)] == [1, 1, 3, 4]
    assert log.ack(3) == 3
    assert seqs_of(log.events()) == [4]


def a_failed_ack_is_told_when_it_is_mended(case: LogCase) -> None:
    for done in (False, True):
        log = case.log
        log.append(record(10 + done, 20 + done))
        log.append(record(30 + done))
        case.fail_commit(done=done)
        with pytest.raises(Unavailable):
            log.ack(20 + done)
        assert log.failed
        with log.mending() as acked_through:
            assert acked_through == (21 if done else 0)
        left = [31] if done else [10, 20, 30]
        assert seqs_of(log.read(0, MOST, 9)) == left
        assert log.ack(99) == left[-1]


def it_is_not_mended_while_the_disk_still_fails(case: LogCase) -> None:
    log = case.log
    case.fail_commit(done=True)
    with pytest.raises(OutcomeUnknown):
        log.append(record(1))
    case.break_disk(True)
    for _ in range(2):
        with pytest.raises(Unavailable), log.mending():
            pytest.fail("it is given what is not there")
        assert log.failed
    case.break_disk(False)
    with log.mending():
        assert [seqs_of(events) for events in log.stray_records(0)] == [[1]]
    assert not log.failed


def mending_that_is_cut_short_is_not_done(case: LogCase) -> None:
    log = case.log
    case.fail_commit(done=True)
    with pytest.raises(OutcomeUnknown):
        log.append(record(1))
    with pytest.raises(KeyError), log.mending():
        raise KeyError
    assert log.failed
    with pytest.raises(Unavailable):
        log.append(record(2))
    with log.mending():
        assert [seqs_of(events) for events in log.stray_records(0)] == [[1]]
    log.append(record(3))
    assert seqs_of(log.events()) == [1, 3]


def a_failed_commit_is_settled_by_the_next_process(case: LogCase) -> None:
    case.fail_commit(done=True)
    with pytest.raises(OutcomeUnknown):
        case.log.append(record(1))
    case.crash()
    case.open()
    assert not case.log.failed
    assert [seqs_of(events) for events, _ in case.log.recover(0)] == [[1]]


def a_writer_and_a_reader_work_at_the_same_time(case: LogCase) -> None:
    log, most, published = case.log, 300, [0]
    failures: list[BaseException] = []

    def append() -> None:
        try:
            for seq in range(1, most, 2):
                log.append(record(seq, seq + 1))
                published[0] = seq + 1
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    writer = threading.Thread(target=append)
    writer.start()
    seen: list[int] = []
    try:
        while len(seen) < most and not failures:
            events = log.read(seen[-1] if seen else 0, published[0], 7)
            seen += seqs_of(events)
            if events:
                assert log.ack(events[-1].seq) == events[-1].seq
    finally:
        writer.join()
    assert failures == []
    assert seen == list(range(1, most + 1))
    assert log.events() == []


def its_size_grows_and_its_faults_have_names(case: LogCase) -> None:
    log = case.log
    before = log.bytes
    log.append([event(1, arg=b"x" * 100_000)])
    assert log.bytes > before >= 0
    names = [fault.name for fault in log.faults()]
    assert len(set(names)) == len(names)
    assert log.name


def a_closed_log_takes_nothing(case: LogCase) -> None:
    log = case.log
    log.append(record(1))
    log.close()
    with pytest.raises(Closed):
        log.append(record(2))
    with pytest.raises(CachedeskError):
        log.read(0, MOST, 9)
    log.close()
    case.open()
    assert [seqs_of(events) for events, _ in case.log.recover(0)] == [[1]]


# -- watermarks ------------------------------------------------------------------------------------


def watermarks_survive_a_crash(case: LogCase) -> None:
    marks = case.log.watermarks
    assert (marks.was_open, marks.log_seq, marks.row_seq) == (False, 0, 0)
    case.log.append(record(1, 2))
    marks.note_row(7)
    marks.note_opening(1)
    assert (marks.log_seq, marks.row_seq) == (2, 7)
    case.crash()
    case.open()
    marks = case.log.watermarks
    assert (marks.was_open, marks.log_seq, marks.row_seq) == (True, 2, 7)


def an_opening_in_order_ends_in_a_closing(case: LogCase) -> None:
    case.close()
    case.open()
    assert not case.log.watermarks.was_open
    case.log.recover(0)
    case.log.watermarks.opened()
    case.crash()
    case.open()
    assert case.log.watermarks.was_open
    case.close()
    case.open()
    assert case.log.watermarks.was_open, "it was never said to be open"
    case.log.watermarks.opened()
    assert case.log.watermarks.was_open, "what the process before has left"
    case.close()
    case.open()
    assert not case.log.watermarks.was_open


def acked_events_are_in_the_watermarks(case: LogCase) -> None:
    case.log.append(record(1, 2))
    case.log.ack(2)
    assert case.log.watermarks.log_seq == 2
    case.crash()
    case.open()
    until(lambda: case.log.watermarks.log_seq == 2)


CHECKS = (
    deadlines_are_kept,
    events_are_read_in_order_by_whole_records,
    a_record_above_the_limit_is_not_read,
    keys_and_values_are_any_bytes,
    records_are_acked_as_a_whole,
    what_was_not_acked_is_there_again,
    a_crash_loses_nothing,
    an_empty_log_is_recovered,
    lost_events_are_not_overlooked,
    what_the_database_has_is_not_missed,
    a_full_disk_takes_nothing_and_says_so,
    a_failed_commit_stops_it_until_it_is_mended,
    what_a_failed_commit_has_left_is_found,
    a_failed_ack_is_told_when_it_is_mended,
    it_is_not_mended_while_the_disk_still_fails,
    mending_that_is_cut_short_is_not_done,
    a_failed_commit_is_settled_by_the_next_process,
    a_writer_and_a_reader_work_at_the_same_time,
    its_size_grows_and_its_faults_have_names,
    a_closed_log_takes_nothing,
    watermarks_survive_a_crash,
    an_opening_in_order_ends_in_a_closing,
    acked_events_are_in_the_watermarks,
)
