"""The ledger and keys that expire: the bounds of a deadline are those of the call that set it."""

from __future__ import annotations

import itertools

import pytest

from cachedesk.core.events import ExpireOnly, Op, WriteEvent
from cachedesk.core.policy import Policy, PolicyTable
from cachedesk.lab.judge import ledger as ledger_module
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import Difference
from cachedesk.lab.load.operations import Operation, Verb

KEY = b"session:1"


class Clocked:
    """A ledger with a clock that the test sets; each call takes a second."""

    def __init__(self, patch: pytest.MonkeyPatch, policy: Policy | None = None) -> None:
        self.now = 1_000.0
        patch.setattr(ledger_module, "wall_seconds", lambda: self.now)
        self.ledger = Ledger()
        self.ledger.begin([], PolicyTable({"session:*": policy} if policy else {}))
        self._seqs = itertools.count(1)

    def write(
        self, verb: Verb, value: bytes | int | None, after: bytes | None, ttl: float | None = None
    ) -> None:
        began, self.now = self.now, self.now + 1
        write = Operation(verb, KEY, value, ttl)
        self.ledger.accepted(next(self._seqs), write, after, began=began)

    def reads(self, value: bytes | None) -> bool:
        """Return whether a read of ``value`` is fresh."""
        began, self.now = self.now, self.now + 1
        return self.ledger.read(KEY, value, began)

    def wrong(self, value: bytes | None) -> list[Difference]:
        """Return what the verdict says if the truth is ``value``."""
        items = [] if value is None else [(KEY, value)]
        found = self.ledger.verdict((), (), items, lambda key: 10**6)
        return [*found.wrong, *found.unfounded]


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def test_a_value_is_there_until_its_deadline_and_absent_after_it(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch)
    world.write(Verb.SET, b"x", b"x", ttl=60)
    assert world.reads(b"x")
    assert not world.reads(None), "lost before its time"
    assert not world.wrong(b"x")
    assert world.wrong(None) == [Difference(KEY, b"x", None)]
    world.now = 1_070.0
    assert world.wrong(b"x") == [Difference(KEY, None, b"x")]
    assert not world.wrong(None)
    assert not world.reads(b"x"), "read after its time"
    assert world.reads(None)
    assert world.ledger.expected(KEY) is None


def test_in_between_either_is_right_but_only_once(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch)
    world.write(Verb.SET, b"x", b"x", ttl=60)
    world.now = 1_060.2  # the call took from 1,000 to 1,001
    assert not world.wrong(b"x")
    assert not world.wrong(None)
    assert world.ledger.read(KEY, b"x", 1_060.2)
    assert world.ledger.read(KEY, None, 1_060.2)
    assert not world.ledger.read(KEY, b"x", 1_060.2), "it came back"


def test_a_set_and_a_delete_end_the_expiry(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch)
    world.write(Verb.SET, b"x", b"x", ttl=60)
    world.write(Verb.SET, b"y", b"y")
    world.now = 2_000.0
    assert world.reads(b"y")
    world.write(Verb.SET, b"x", b"x", ttl=60)
    world.write(Verb.DELETE, None, None)
    assert world.reads(None)


def test_a_counter_keeps_its_expiry_and_begins_anew_after_it(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch)
    world.write(Verb.SET, b"5", b"5", ttl=60)
    world.write(Verb.INCR, 2, b"7")
    world.now = 1_060.5
    world.write(Verb.INCR, 2, b"2")  # the receipt decides
    assert world.reads(b"2")
    world.now = 5_000.0
    assert world.reads(b"2")
    assert not world.wrong(b"2")
    world.write(Verb.SET, b"5", b"5", ttl=60)
    world.now = 6_000.0
    world.write(Verb.INCR, 1, b"6")
    assert world.wrong(b"6") != []


def test_a_policy_gives_an_expiry_with_the_bounds_of_its_jitter(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch, Policy("write-behind", ttl=100, jitter=0.5))
    world.write(Verb.SET, b"x", b"x")
    world.now = 1_040.0
    assert not world.reads(None)
    world.now = 1_060.0
    assert not world.wrong(b"x")
    assert not world.wrong(None)
    world.now = 1_102.0
    assert world.wrong(b"x") == [Difference(KEY, None, b"x")]


def test_a_read_of_a_sliding_key_may_renew_it(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch, Policy("write-behind", ttl=100, sliding=True))
    world.write(Verb.SET, b"x", b"x")
    world.now = 1_090.0
    assert world.reads(b"x")
    world.now = 1_180.0
    assert world.reads(b"x")
    world.now = 1_270.0
    assert not world.wrong(None)
    world.now = 1_290.0
    assert world.wrong(b"x") == [Difference(KEY, None, b"x")]


def test_a_renewal_is_no_write_of_a_client(patch: pytest.MonkeyPatch) -> None:
    for sliding in (True, False):
        world = Clocked(patch, Policy("write-behind", ttl=100, sliding=sliding))
        world.write(Verb.SET, b"x", b"x")
        world.ledger.applied([WriteEvent(77, Op.EXPIRE, KEY, int(ExpireOnly.GT), 1.0, 2.0)])
        phantoms = world.ledger.verdict((), (), [(KEY, b"x")], lambda key: 10**6).phantoms
        assert phantoms == (() if sliding else (77,))


def test_what_a_directory_held_expires_too(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch)
    world.ledger.begin([(KEY, b"old")], None, {KEY: 1_050.0})
    assert world.reads(b"old")
    world.now = 1_060.0
    assert world.wrong(b"old") == [Difference(KEY, None, b"old")]
    assert not world.wrong(None)


def test_a_refusal_after_the_deadline_is_unfounded(patch: pytest.MonkeyPatch) -> None:
    world = Clocked(patch)
    world.write(Verb.SET, b"text", b"text", ttl=60)
    world.ledger.refused(Operation(Verb.INCR, KEY, 1))
    assert not world.wrong(b"text")
    world.now = 2_000.0
    world.ledger.refused(Operation(Verb.INCR, KEY, 1))
    assert world.wrong(None) != []
