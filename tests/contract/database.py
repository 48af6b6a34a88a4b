"""The contract of a ``SystemOfRecord``: each function checks some sentences of the port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from engine.until import Task

from cachedesk.core.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseRefused,
    DatabaseUncertain,
    DatabaseUndone,
)
from cachedesk.core.events import ABSENT, Entry, Op, Refusal, WriteEvent
from cachedesk.core.failpoints import ComponentCrash
from cachedesk.core.snapshot import Health

from .cases import DatabaseCase, event, soon, write

BAD = b"bad"


def what_was_written_is_read(case: DatabaseCase) -> None:
    database = case.database
    assert database.read(b"a") == ABSENT
    assert database.read_many([b"a"]) == {}
    rows = {b"a": Entry(b"1", 5), b"b": Entry(b"", 6), b"\x00\xff": Entry(b"\x00" * 70_000, 2**62)}
    tombstone = {b"gone": Entry(None, 9)}
    with database.transaction(soon()) as transaction:
        transaction.rows([*rows, *tombstone])
        transaction.write(rows | tombstone)
    assert {key: database.read(key) for key in rows} == rows
    assert database.read_many([*rows, b"gone", b"none"]) == rows | tombstone
    assert database.peek([b"a", b"none"]) == {b"a": rows[b"a"]}
    assert database.read(b"gone") == Entry(None, 9)
    write(database, a=Entry(b"2", 10))
    assert database.read(b"a") == Entry(b"2", 10)


def what_expires_is_listed_the_earliest_first(case: DatabaseCase) -> None:
    database, at = case.database, 1_800_000_000.123456
    assert database.expiring(9) == []
    write(
        database,
        a=Entry(b"1", 1, at + 1),
        b=Entry(b"2", 2, at),
        c=Entry(b"3", 3),
        past=Entry(b"4", 4, 5.0),
        gone=Entry(None, 5),
    )
    assert database.read(b"a") == Entry(b"1", 1, at + 1)
    assert database.read_many([b"b", b"c"]) == {b"b": Entry(b"2", 2, at), b"c": Entry(b"3", 3)}
    assert dict(database.scan())[b"b"] == Entry(b"2", 2, at)
    assert database.expiring(9) == [(b"past", 5.0), (b"b", at), (b"a", at + 1)]
    assert database.expiring(1) == [(b"past", 5.0)]
    assert database.expiring(1, 5.0) == [(b"b", at)]
    assert database.expiring(9, at) == [(b"a", at + 1)]
    assert database.expiring(9, at + 1) == []
    with database.transaction(soon()) as transaction:
        assert transaction.rows([b"b"]) == {b"b": Entry(b"2", 2, at)}
        transaction.write_one(b"b", Entry(b"2", 6))
    assert database.expiring(9) == [(b"past", 5.0), (b"a", at + 1)]
    # What has expired is a live row until it is purged.
    assert database.count() == (4, 0)


def many_rows_at_once(case: DatabaseCase) -> None:
    rows = {b"key:%04d" % number: Entry(b"%d" % number, number + 1) for number in range(3_000)}
    with case.database.transaction(soon()) as transaction:
        assert transaction.rows(list(rows)) == {}
        transaction.write(rows)
        assert transaction.rows(list(rows)) == rows
    assert case.database.read_many(list(rows)) == rows
    assert dict(case.database.scan()) == rows
    assert case.database.count() == (3_000, 0)


def a_transaction_sees_what_it_has_written(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    with case.database.transaction(soon()) as transaction:
        assert transaction.rows([b"a", b"b"]) == {b"a": Entry(b"1", 1)}
        transaction.write({b"a": Entry(b"2", 2), b"b": Entry(b"3", 3)})
        assert transaction.rows([b"a", b"b"]) == {b"a": Entry(b"2", 2), b"b": Entry(b"3", 3)}
        # Readers do not, yet.
        assert case.database.read_many([b"a", b"b"]) == {b"a": Entry(b"1", 1)}
        assert case.database.numbers()["newest_seq"] == 0
        transaction.note("newest_seq", 3)
    assert case.database.read(b"b") == Entry(b"3", 3)
    assert case.database.numbers()["newest_seq"] == 3


def _fail(case: DatabaseCase, error: type[BaseException]) -> None:
    with case.database.transaction(soon()) as transaction:
        transaction.rows([b"a", b"b"])
        transaction.write({b"a": Entry(b"2", 2), b"b": Entry(b"3", 3)})
        transaction.bury([Refusal(event(4), "no")])
        transaction.count_attempts({5: 2})
        transaction.note("newest_seq", 3)
        raise error("worker.apply.mid_batch")


def a_block_that_fails_changes_nothing(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    for error in (KeyError, ComponentCrash):
        with pytest.raises(error):
            _fail(case, error)
        assert dict(case.database.scan()) == {b"a": Entry(b"1", 1)}
        assert case.database.count() == (1, 0)
        assert case.database.numbers()["newest_seq"] == 0
        with case.database.transaction(soon()) as transaction:
            assert transaction.attempts([5]) == {}


def a_lock_that_is_not_had_by_the_deadline_is_busy(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    with case.locked():
        assert case.database.read(b"a") == Entry(b"1", 1), "readers do not wait"
        for deadline in (time.monotonic() - 1, time.monotonic() + 0.05):
            with pytest.raises(DatabaseBusy), case.database.transaction(deadline):
                pytest.fail("another writer holds it")
    write(case.database, a=Entry(b"2", 2))
    assert case.database.read(b"a") == Entry(b"2", 2)


def a_lock_is_waited_for(case: DatabaseCase) -> None:
    with case.locked():
        task = Task(write, case.database, a=Entry(b"1", 1))
    task.result()
    assert case.database.read(b"a") == Entry(b"1", 1)


def what_is_away_gives_no_answer(case: DatabaseCase) -> None:
    database = case.database
    write(database, a=Entry(b"1", 1))
    calls: tuple[Callable[[], object], ...] = (
        lambda: database.read(b"a"),
        lambda: database.read(b"none"),
        lambda: database.read_many([b"a"]),
        lambda: list(database.scan()),
        lambda: database.keys_after(b"", 1),
        lambda: database.letters(1),
        lambda: database.dead_between(1, 2),
        lambda: database.dead_among([1]),
        database.count,
        database.numbers,
        lambda: write(database, b=Entry(b"1", 2)),
        lambda: database.rehearse({b"b": Entry(b"1", 2)}, soon()),
    )
    case.take_away(True)
    for call in calls:
        with pytest.raises(DatabaseError) as raised:
            call()
        assert not isinstance(raised.value, DatabaseRefused), "it may succeed later"
    assert database.state().health is Health.DOWN
    case.take_away(False)
    assert database.read_many([b"a", b"b"]) == {b"a": Entry(b"1", 1)}
    assert database.state().health is Health.UP


def one_that_cannot_be_written_refuses_for_now(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    case.forbid_writing(True)
    with pytest.raises(DatabaseError) as raised:
        write(case.database, a=Entry(b"2", 2))
    assert not isinstance(raised.value, (DatabaseRefused, DatabaseUncertain))
    assert case.database.read(b"a") == Entry(b"1", 1)
    case.forbid_writing(False)
    write(case.database, a=Entry(b"2", 2))
    assert case.database.read(b"a") == Entry(b"2", 2)


def what_the_data_makes_impossible_is_refused(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    case.refuse(BAD)
    for _ in range(2):
        with pytest.raises(DatabaseRefused):
            write(case.database, b=Entry(b"2", 2), a=Entry(BAD, 3))
        assert dict(case.database.scan()) == {b"a": Entry(b"1", 1)}
    with pytest.raises(DatabaseRefused):
        case.database.rehearse({b"b": Entry(b"2", 2), b"a": Entry(BAD, 3)}, soon())
    case.database.rehearse({b"b": Entry(b"2", 2)}, soon())
    assert dict(case.database.scan()) == {b"a": Entry(b"1", 1)}


def of_rows_written_one_by_one_the_others_stand(case: DatabaseCase) -> None:
    case.refuse(BAD)
    with case.database.transaction(soon()) as transaction:
        transaction.rows([b"a", b"b", b"c"])
        transaction.write_one(b"a", Entry(b"1", 1))
        with pytest.raises(DatabaseRefused) as refused:
            transaction.write_one(b"b", Entry(BAD, 2))
        assert not isinstance(refused.value, DatabaseUndone)
        transaction.write_one(b"c", Entry(b"3", 3))
    assert dict(case.database.scan()) == {b"a": Entry(b"1", 1), b"c": Entry(b"3", 3)}
    assert case.database.count() == (2, 0)


def a_refusal_that_takes_all_back_says_so(case: DatabaseCase) -> None:
    write(case.database, old=Entry(b"0", 1))
    case.refuse(BAD, undoing=True)
    with pytest.raises(DatabaseUndone):
        _write_refused(case)
    assert dict(case.database.scan()) == {b"old": Entry(b"0", 1)}
    assert case.database.numbers()["newest_seq"] == 0
    assert case.database.count() == (1, 0)
    write(case.database, a=Entry(b"1", 2))


def _write_refused(case: DatabaseCase) -> None:
    with case.database.transaction(soon()) as transaction:
        transaction.rows([b"a", b"b"])
        transaction.write_one(b"a", Entry(b"1", 2))
        transaction.note("newest_seq", 3)
        transaction.write_one(b"b", Entry(BAD, 3))


def a_rehearsal_takes_everything_back(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    case.refuse(BAD)
    before = case.database.numbers()
    with case.database.rehearsal(soon()) as transaction:
        transaction.rows([b"a", b"b"])
        transaction.rehearse_one(b"a", Entry(b"2", 2))
        assert transaction.rows([b"a"]) == {b"a": Entry(b"1", 1)}, "it is taken back at once"
        with pytest.raises(DatabaseRefused):
            transaction.rehearse_one(b"a", Entry(BAD, 2))
        transaction.rehearse_one(b"b", Entry(b"3", 3))
        transaction.write({b"a": Entry(b"4", 4), b"b": Entry(b"5", 5)})
        transaction.bury([Refusal(event(6), "no")])
        transaction.note("newest_seq", 9)
    assert dict(case.database.scan()) == {b"a": Entry(b"1", 1)}
    assert (case.database.numbers(), case.database.count()) == (before, (1, 0))


def a_rehearsal_goes_on_behind_one_that_took_all_back(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    case.refuse(BAD, undoing=True)
    with case.database.rehearsal(soon()) as transaction:
        transaction.rehearse_one(b"a", Entry(b"2", 2))
        for _ in range(2):
            with pytest.raises(DatabaseRefused):
                transaction.rehearse_one(b"a", Entry(BAD, 3))
        transaction.rehearse_one(b"a", Entry(b"3", 4))
    assert dict(case.database.scan()) == {b"a": Entry(b"1", 1)}


def a_commit_of_unknown_outcome_is_said_to_be_so(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"0", 1))
    for number, done in enumerate((False, True)):
        case.fail_commit(done=done)
        with pytest.raises(DatabaseUncertain):
            write(case.database, a=Entry(b"%d" % (number + 1), number + 2))
        expected = Entry(b"2", 3) if done else Entry(b"0", 1)
        with case.database.transaction(soon()) as transaction:
            assert transaction.rows([b"a"]) == {b"a": expected}
        assert case.database.read(b"a") == expected


def numbers_only_grow(case: DatabaseCase) -> None:
    numbers = case.database.numbers()
    assert (numbers["newest_seq"], numbers["log_seq"], numbers["log_epoch"]) == (0, 0, 0)
    for given, kept in ((5, 5), (3, 5), (2**62, 2**62)):
        with case.database.transaction(soon()) as transaction:
            transaction.note("log_seq", given)
            transaction.note("openings", given)
        numbers = case.database.numbers()
        assert (numbers["log_seq"], numbers["openings"], numbers["newest_seq"]) == (kept, kept, 0)


def dead_letters_are_kept_with_the_reason(case: DatabaseCase) -> None:
    events = [
        WriteEvent(3, Op.SET, b"a", b"\xff1", 10.5, 99.25),
        WriteEvent(5, Op.INCR, b"a", -7, 11.5),
        WriteEvent(9, Op.DELETE, b"b", None, 12.5),
    ]
    with case.database.transaction(soon()) as transaction:
        transaction.count_attempts({3: 4, 5: 2, 7: 1})
        transaction.bury([Refusal(it, f"reason {it.seq}") for it in events])
        assert transaction.dead_between(1, 5) == {3, 5}
    letters = case.database.letters(10)
    assert [(it.seq, it.op, it.key, it.arg, it.reason, it.attempts, it.at) for it in letters] == [
        (3, "set", b"a", b"\xff1", "reason 3", 4, 10.5),
        (5, "incr", b"a", -7, "reason 5", 2, 11.5),
        (9, "delete", b"b", None, "reason 9", 1, 12.5),
    ]
    assert [it.expires_at for it in letters] == [99.25, None, None]
    assert [it.seq for it in case.database.letters(1)] == [3]
    assert [it.seq for it in case.database.letters(10, 3)] == [5, 9]
    assert [(it.seq, it.reason) for it in case.database.letters_of(b"a", 10)] == [
        (3, "reason 3"),
        (5, "reason 5"),
    ]
    assert [it.seq for it in case.database.letters_of(b"a", 1)] == [5], "the newest"
    assert case.database.letters_of(b"none", 10) == []
    assert case.database.dead_between(4, 9) == {5, 9}
    assert case.database.dead_among([1, 3, 9, 10]) == {3, 9}
    assert case.database.dead_among([]) == set()
    assert case.database.count() == (0, 3)
    with case.database.transaction(soon()) as transaction:
        assert transaction.remove_letter(5)
        assert not transaction.remove_letter(5)
        assert not transaction.remove_letter(1)
        assert transaction.dead_between(1, 9) == {3, 9}
    assert [it.seq for it in case.database.letters(10)] == [3, 9]


def an_event_is_buried_once(case: DatabaseCase) -> None:
    for _ in range(2):
        try:
            with case.database.transaction(soon()) as transaction:
                transaction.bury([Refusal(event(3), "no")])
        except DatabaseRefused:
            continue
    assert [it.seq for it in case.database.letters(10)] == [3]


def attempts_are_counted_until_they_are_forgotten(case: DatabaseCase) -> None:
    with case.database.transaction(soon()) as transaction:
        assert transaction.attempts([1, 2]) == {}
        transaction.count_attempts({1: 1, 2: 3, 5: 1})
    with case.database.transaction(soon()) as transaction:
        assert transaction.attempts([1, 2, 3]) == {1: 1, 2: 3}
        transaction.count_attempts({1: 2})
        assert transaction.attempts([1]) == {1: 2}
        transaction.bury([Refusal(event(2), "no")])
        transaction.forget_attempts(1)
        assert transaction.attempts([1, 2, 5]) == {5: 1}
    case.close()
    case.open()
    with case.database.transaction(soon()) as transaction:
        assert transaction.attempts([1, 2, 5]) == {5: 1}
        assert [it.attempts for it in case.database.letters(1)] == [3]


def a_scan_is_of_one_instant_and_sorted(case: DatabaseCase) -> None:
    write(case.database, b=Entry(b"1", 1), a=Entry(None, 2), c=Entry(b"3", 3))
    scan = case.database.scan()
    assert next(scan) == (b"a", Entry(None, 2))
    write(case.database, b=Entry(b"new", 4), d=Entry(b"new", 5))
    assert list(scan) == [(b"b", Entry(b"1", 1)), (b"c", Entry(b"3", 3))]
    assert [key for key, _ in case.database.scan()] == [b"a", b"b", b"c", b"d"]
    with case.database.transaction(soon()) as transaction:
        keys = [b"\x00", b"\xff\xff", b"a\x00", b"\xff"]
        transaction.rows(keys)
        transaction.write({key: Entry(b"1", 6) for key in keys})
    keys = [key for key, _ in case.database.scan()]
    assert keys == sorted(keys)


def keys_are_listed_in_pages(case: DatabaseCase) -> None:
    write(case.database, b=Entry(b"1", 1), a=Entry(b"1", 2), c=Entry(None, 3))
    assert case.database.keys_after(b"", 2) == [b"a", b"b"]
    assert case.database.keys_after(b"b", 2) == [b"c"]
    assert case.database.keys_after(b"c", 2) == []


def tombstones_are_dropped_up_to_a_seq(case: DatabaseCase) -> None:
    write(case.database, old=Entry(None, 3), new=Entry(None, 7), live=Entry(b"1", 2))
    assert case.database.count() == (1, 0)
    assert case.database.trim(2, soon()) == 0
    assert case.database.trim(5, soon()) == 1
    assert case.database.trim(5, soon()) == 0
    assert dict(case.database.scan()) == {b"live": Entry(b"1", 2), b"new": Entry(None, 7)}
    assert case.database.count() == (1, 0)


def a_trim_is_bounded(case: DatabaseCase) -> None:
    rows = {b"key:%05d" % number: Entry(None, number + 1) for number in range(20_000)}
    with case.database.transaction(soon()) as transaction:
        transaction.rows(list(rows))
        transaction.write(rows)
    dropped = case.database.trim(30_000, soon())
    assert 0 < dropped < 20_000
    while some := case.database.trim(30_000, soon()):
        dropped += some
    assert dropped == 20_000


def live_rows_are_counted(case: DatabaseCase) -> None:
    for rows, live in (
        ({b"a": b"1", b"b": b"2"}, 2),
        ({b"a": None}, 1),
        ({b"a": None, b"c": None}, 1),
        ({b"a": b"1", b"b": None, b"c": b"1"}, 2),
    ):
        with case.database.transaction(soon()) as transaction:
            transaction.rows(list(rows))
            transaction.write({key: Entry(value, 1) for key, value in rows.items()})
        assert case.database.count() == (live, 0)


def writers_take_turns(case: DatabaseCase) -> None:
    def count() -> None:
        for _ in range(50):
            with case.database.transaction(soon()) as transaction:
                row = transaction.rows([b"n"]).get(b"n", Entry(b"0", 0))
                number = int(row.value or 0) + 1
                transaction.write({b"n": Entry(b"%d" % number, number)})

    tasks = [Task(count), Task(count)]
    seen = [0]
    while any(task.is_alive() for task in tasks):
        seen.append(int(case.database.read(b"n").value or 0))
    for task in tasks:
        task.result()
    assert case.database.read(b"n") == Entry(b"100", 100)
    assert seen == sorted(seen), "what was read once is not taken back"


def readers_see_a_whole_transaction_or_none_of_it(case: DatabaseCase) -> None:
    keys = [b"a", b"b", b"c"]
    ended, torn = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            found = set(case.database.read_many(keys).values())
            if len(found) > 1:
                torn.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 60):
            write(case.database, **{key.decode(): Entry(b"%d" % number, number) for key in keys})
    finally:
        ended.set()
        reader.join()
    assert torn == []


def what_was_committed_is_there_again(case: DatabaseCase) -> None:
    with case.database.transaction(soon()) as transaction:
        transaction.rows([b"a"])
        transaction.write({b"a": Entry(b"1", 1)})
        transaction.bury([Refusal(event(2), "no")])
        transaction.note("newest_seq", 2)
    numbers = case.database.numbers()
    case.close()
    case.open()
    assert case.database.read(b"a") == Entry(b"1", 1)
    assert [it.seq for it in case.database.letters(10)] == [2]
    assert (case.database.numbers(), case.database.count()) == (numbers, (1, 1))


def an_opening_counts_where_nothing_goes_on_from_before(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 1))
    for _ in range(2):
        case.close()
        case.open()
        assert case.database.opening_counts


def a_foreign_write_changes_a_value_and_nothing_else(case: DatabaseCase) -> None:
    write(case.database, a=Entry(b"1", 7))
    with case.locked() as foreign:
        foreign(b"a", b"text")
        foreign(b"none", b"text")
        assert case.database.read(b"a") == Entry(b"1", 7)
    assert dict(case.database.scan()) == {b"a": Entry(b"text", 7)}


def it_has_a_name_a_place_and_faults(case: DatabaseCase) -> None:
    names = [fault.name for fault in case.database.faults()]
    assert len(set(names)) == len(names)
    assert case.database.name
    assert case.database.location


def a_closed_database_gives_no_answer(case: DatabaseCase) -> None:
    database = case.database
    write(database, a=Entry(b"1", 1))
    database.close()
    for call in (
        lambda: database.read(b"a"),
        lambda: list(database.scan()),
        lambda: write(database, a=Entry(b"2", 2)),
    ):
        with pytest.raises(DatabaseError):
            call()
    assert database.state().health is Health.DOWN
    database.close()


CHECKS = (
    what_was_written_is_read,
    what_expires_is_listed_the_earliest_first,
    many_rows_at_once,
    a_transaction_sees_what_it_has_written,
    a_block_that_fails_changes_nothing,
    a_lock_that_is_not_had_by_the_deadline_is_busy,
    a_lock_is_waited_for,
    what_is_away_gives_no_answer,
    one_that_cannot_be_written_refuses_for_now,
    what_the_data_makes_impossible_is_refused,
    of_rows_written_one_by_one_the_others_stand,
    a_refusal_that_takes_all_back_says_so,
    a_rehearsal_takes_everything_back,
    a_rehearsal_goes_on_behind_one_that_took_all_back,
    a_commit_of_unknown_outcome_is_said_to_be_so,
    numbers_only_grow,
    dead_letters_are_kept_with_the_reason,
    an_event_is_buried_once,
    attempts_are_counted_until_they_are_forgotten,
    a_scan_is_of_one_instant_and_sorted,
    keys_are_listed_in_pages,
    tombstones_are_dropped_up_to_a_seq,
    a_trim_is_bounded,
    live_rows_are_counted,
    writers_take_turns,
    readers_see_a_whole_transaction_or_none_of_it,
    what_was_committed_is_there_again,
    an_opening_counts_where_nothing_goes_on_from_before,
    a_foreign_write_changes_a_value_and_nothing_else,
    it_has_a_name_a_place_and_faults,
    a_closed_database_gives_no_answer,
)
