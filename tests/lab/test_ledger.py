"""The ledger: a sound history is sound, and every planted bug is caught by its id."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.events import ABSENT, Entry, Op, WriteEvent, applied, fold
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import Difference, Verdict
from cachedesk.lab.load.operations import Operation, Verb

OPS = {Verb.SET: Op.SET, Verb.INCR: Op.INCR, Verb.DELETE: Op.DELETE}
FIRST = 70_000  # not the first page of ids

NEVER = st.none()

_writes = st.lists(
    st.one_of(
        st.builds(
            Operation, st.just(Verb.SET), st.sampled_from([b"a", b"b"]), st.just(b"7"), NEVER
        ),
        st.builds(
            Operation, st.just(Verb.INCR), st.sampled_from([b"a", b"c"]), st.integers(1, 9), NEVER
        ),
        st.builds(Operation, st.just(Verb.DELETE), st.sampled_from([b"a", b"b"]), st.none(), NEVER),
    ),
    min_size=1,
    max_size=30,
)


class World:
    """What an engine does with writes, by the engine's own folding, and the ledger that looks."""

    def __init__(self, base: dict[bytes, bytes] | None = None) -> None:
        self.ledger = Ledger()
        self.ledger.begin((base or {}).items())
        self.rows = {key: Entry(value, 1) for key, value in (base or {}).items()}
        self.waiting: list[WriteEvent] = []
        self._seqs = itertools.count(FIRST)

    def accept(self, write: Operation) -> WriteEvent:
        """Accept one write."""
        event = WriteEvent(next(self._seqs), OPS[write.op], write.key, write.value, 0.0)
        value = applied(Entry(self.truth(write.key)), event).value
        self.waiting.append(event)
        self.ledger.accepted(event.seq, write, value)
        return event

    def truth(self, key: bytes) -> bytes | None:
        """Return what ``key`` is worth with every event."""
        waiting = [event for event in self.waiting if event.key == key]
        return fold(self.rows.get(key, ABSENT), waiting).value

    def apply(self, events: Iterable[WriteEvent]) -> None:
        """Make ``events`` part of their rows, and say so."""
        for event in events:
            old = self.rows.get(event.key, ABSENT)
            self.rows[event.key] = applied(old, event)
            self.waiting = [each for each in self.waiting if each is not event]
            self.ledger.applied([event])

    def judge(self, pending: set[int] | None = None, dead: set[int] | None = None) -> Verdict:
        """Return the verdict on the rows as they are."""
        items = [(key, row.value) for key, row in self.rows.items() if row.value is not None]
        return self.ledger.verdict(
            pending or set(), dead or set(), items, lambda key: self.rows.get(key, ABSENT).seq
        )


@given(_writes)
def test_a_sound_history_is_sound(writes: list[Operation]) -> None:
    world = World({b"a": b"5", b"z": b"kept"})
    for write in writes:
        event = world.accept(write)
        assert world.ledger.read(write.key, world.truth(write.key))
        world.apply([event])
    verdict = world.judge()
    assert verdict.sound
    assert verdict.accepted == verdict.applied == len(writes)


@given(_writes, st.data())
def test_a_dropped_event_is_named(writes: list[Operation], data: st.DataObject) -> None:
    world = World()
    events = [world.accept(write) for write in writes if write.op is Verb.INCR]
    if events:
        dropped = data.draw(st.sampled_from(events))
        world.apply(event for event in events if event is not dropped)
        verdict = world.judge()
        assert verdict.lost == (dropped.seq,)
        assert verdict.accepted == verdict.applied + 1
        assert [difference.key for difference in verdict.wrong] == [dropped.key]


@given(_writes, st.data())
def test_an_event_that_was_applied_twice_is_named(
    writes: list[Operation], data: st.DataObject
) -> None:
    world = World()
    events = [world.accept(write) for write in writes]
    world.apply(events)
    twice = data.draw(st.sampled_from(events))
    world.ledger.applied([twice])
    assert world.judge().duplicated == (twice.seq,)


def test_a_wrong_value_is_named_with_both_values() -> None:
    world = World({b"left": b"alone"})
    world.apply([world.accept(Operation(Verb.SET, b"k", b"right"))])
    world.rows[b"k"] = Entry(b"wrong", FIRST)
    del world.rows[b"left"]
    world.rows[b"ghost"] = Entry(b"boo", 1)
    assert set(world.judge().wrong) == {
        Difference(b"k", b"right", b"wrong"),
        Difference(b"left", b"alone", None),
        Difference(b"ghost", None, b"boo"),
    }


def test_what_is_pending_or_dead_is_not_lost() -> None:
    world = World()
    events = [world.accept(Operation(Verb.INCR, key, 1)) for key in (b"a", b"b", b"c", b"c")]
    world.apply(events[:1])
    verdict = world.judge(pending={events[1].seq}, dead={events[2].seq, events[3].seq})
    assert (verdict.accepted, verdict.applied, verdict.pending, verdict.dead) == (4, 1, 1, 2)
    assert not verdict.lost
    # A key with a dead letter may differ from what was acknowledged; one with a pending event
    # must not.
    assert [difference.key for difference in verdict.wrong] == [b"b"]


def test_an_event_may_be_reported_before_it_is_acknowledged() -> None:
    ledger = Ledger()
    ledger.applied([WriteEvent(FIRST, Op.SET, b"k", b"v", 0.0)])
    ledger.accepted(FIRST, Operation(Verb.SET, b"k", b"v"), b"v")
    assert ledger.verdict((), (), [(b"k", b"v")]).sound


def test_a_commit_that_nobody_spoke_of_is_seen_in_the_row() -> None:
    world = World()
    event = world.accept(Operation(Verb.SET, b"k", b"v"))
    world.rows[b"k"] = Entry(b"v", event.seq)
    verdict = world.judge()
    assert verdict.sound
    assert verdict.applied == 1


def test_events_of_an_earlier_process_are_not_its_own() -> None:
    world = World({b"old": b"1"})
    world.ledger.applied([WriteEvent(FIRST - 5, Op.INCR, b"old", 1, 0.0)])
    world.apply([world.accept(Operation(Verb.SET, b"k", b"v"))])
    verdict = world.judge()
    assert verdict.sound
    assert verdict.accepted == verdict.applied == 1


def test_a_failed_write_that_was_applied_is_named() -> None:
    world = World()
    world.apply([world.accept(Operation(Verb.SET, b"k", b"v"))])
    world.apply([WriteEvent(FIRST + 1, Op.SET, b"k", b"failed", 0.0)])
    verdict = world.judge()
    assert verdict.phantoms == (FIRST + 1,)
    assert verdict.wrong == (Difference(b"k", b"v", b"failed"),)


def test_an_unknown_outcome_excuses_its_key_until_it_is_set_again() -> None:
    world = World()
    world.ledger.unknown(b"k")
    world.ledger.unknown(b"again")
    world.apply([world.accept(Operation(Verb.SET, b"other", b"1"))])
    world.apply([WriteEvent(FIRST + 9, Op.SET, b"k", b"maybe", 0.0)])
    assert world.ledger.read(b"k", b"anything")
    world.apply([world.accept(Operation(Verb.SET, b"again", b"known"))])
    assert not world.ledger.read(b"again", b"anything")
    verdict = world.judge()
    assert verdict.uncertain == (b"k",)
    assert not verdict.phantoms
    assert not verdict.wrong


def test_a_stale_read_is_counted_with_both_values() -> None:
    world = World({b"k": b"old"})
    assert world.ledger.read(b"k", b"old")
    world.apply([world.accept(Operation(Verb.SET, b"k", b"new"))])
    assert not world.ledger.read(b"k", b"old")
    assert not world.ledger.read(b"k", None)
    verdict = world.judge()
    assert verdict.stale_reads == 2
    first, second = verdict.stale
    assert (first.key, first.expected, first.found) == (b"k", b"new", b"old")
    assert (first.versions, second.versions) == (1, 1)
    assert first.seconds is not None
    assert 0 <= first.seconds < 60
    assert not verdict.sound


def test_a_read_is_dirty_when_the_write_it_rests_on_is_lost() -> None:
    ledger = Ledger()
    for seq, key in enumerate((b"kept", b"lost"), FIRST):
        ledger.accepted(seq, Operation(Verb.INCR, key, 1), b"1", safe=False)
        assert ledger.read(key, b"1")
        assert ledger.read(key, b"1")
    ledger.applied([WriteEvent(FIRST, Op.INCR, b"kept", 1, 0.0)])
    verdict = ledger.verdict((), (), [(b"kept", b"1")])
    assert (verdict.lost, verdict.lost_keys) == ((FIRST + 1,), (b"lost",))
    assert verdict.dirty_reads == 2


@pytest.mark.parametrize(
    ("base", "write", "receipt"),
    [
        (b"5", Operation(Verb.INCR, b"k", 1), b"7"),
        (b"x", Operation(Verb.INCR, b"k", 1), b"1"),
        (b"", Operation(Verb.INCR, b"k", 1), b"1"),
        (b" 5", Operation(Verb.INCR, b"k", 1), b"6"),
        (b"9223372036854775807", Operation(Verb.INCR, b"k", 1), b"9223372036854775808"),
        (b"5", Operation(Verb.DELETE, b"k"), b"5"),
    ],
)
def test_a_receipt_that_does_not_follow_is_unfounded(
    base: bytes, write: Operation, receipt: bytes
) -> None:
    ledger = Ledger()
    ledger.begin([(b"k", base)])
    ledger.accepted(1, write, receipt)
    assert [difference.found for difference in ledger.verdict((), (), ()).unfounded] == [receipt]


def test_a_refusal_must_have_a_reason() -> None:
    ledger = Ledger()
    ledger.begin([(b"word", b"x"), (b"number", b"1")])
    ledger.refused(Operation(Verb.INCR, b"word", 1))
    ledger.refused(Operation(Verb.INCR, b"number", 1))
    unfounded = ledger.verdict((), (), [(b"word", b"x"), (b"number", b"1")]).unfounded
    assert unfounded == (Difference(b"number", b"2", b"1"),)


def test_an_id_that_is_given_out_twice_is_named() -> None:
    ledger = Ledger()
    for _ in range(2):
        ledger.accepted(FIRST, Operation(Verb.SET, b"k", b"v"), b"v")
    assert ledger.verdict((), (), [(b"k", b"v")]).duplicated == (FIRST,)
