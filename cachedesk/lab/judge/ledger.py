"""The ledger: the judge of a run. It records every accepted write by its id and computes the value
that each key must have, independently of Redis, of SQLite and of the code under test: it has its
own folding, which must never be replaced by the engine's.

It has two inputs: clients report what was acknowledged to them and what they read; the engine (the
ledger is the stack's ``Observer``) reports which events became part of a row. Each key must have
only one client: then a read has exactly one right answer.

(The idea is from RocksDB's db_stress: the expected state is kept outside the system under test.)
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.policy import PolicyTable
from cachedesk.lab.judge.lifetime import Lifetime
from cachedesk.lab.judge.recent_values import RecentValues
from cachedesk.lab.judge.seq_flags import ACCEPTED, APPLIED, SeqFlags
from cachedesk.lab.judge.verdict import Difference, StaleRead, Verdict
from cachedesk.lab.load.operations import Operation, Verb

_COUNTER_LIMIT = 2**63
_MOST_EXAMPLES = 100
_ABSOLUTE = (Verb.SET, Verb.DELETE)


class Ledger:
    """The ledger of one run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks = SeqFlags()
        self._recent = RecentValues()
        self._open: dict[int, bytes] = {}
        self._unclaimed: dict[int, bytes] = {}
        self._duplicated: set[int] = set()
        self._accepted = 0
        self._first: int | None = None
        self._expected: dict[bytes, bytes] = {}
        self._lives: dict[bytes, Lifetime] = {}
        self._policies: PolicyTable | None = None
        self._uncertain: set[bytes] = set()
        self._ever_uncertain: set[bytes] = set()
        self._injected_keys: set[bytes] = set()
        self._unfounded: list[Difference] = []
        self._stale: list[StaleRead] = []
        self._stale_reads = 0
        # For writes that are in no log: the newest of each key, and the number of reads of it.
        self._unsafe: dict[bytes, int] = {}
        self._resting: Counter[int] = Counter()

    def begin(
        self,
        items: Iterable[tuple[bytes, bytes]],
        policies: PolicyTable | None = None,
        deadlines: Mapping[bytes, float] | None = None,
    ) -> None:
        """Take the contents of the data directory before the run as given.

        Args:
            items: every key with its value.
            policies: those of the stack, which may give what is written an expiry.
            deadlines: when keys of ``items`` expire, in seconds since 1970.
        """
        self._expected = dict(items)
        self._policies = policies if policies and policies.expires else None
        self._lives = {key: Lifetime.of(at, at, 0.0, 0.0) for key, at in (deadlines or {}).items()}

    def accepted(
        self,
        seq: int,
        write: Operation,
        value: bytes | None,
        *,
        safe: bool = True,
        began: float | None = None,
    ) -> None:
        """Note that ``write`` was acknowledged.

        Args:
            seq: its id.
            write: the write.
            value: the value in its receipt.
            safe: whether it is on a disk.
            began: when the call began, by ``wall_seconds``; ``None``: now.
        """
        op, key, argument, _ = write
        ended = wall_seconds()
        began = ended if began is None else began
        old = self._before(write, value, began, ended)
        with self._lock:
            self._accept(seq, key)
            if not safe and seq in self._open:
                self._unsafe[key] = seq
        if key in self._uncertain:
            if op not in _ABSOLUTE:
                return
            self._uncertain.discard(key)
        try:
            expected = _expect(old, op, argument)
        except ValueError:
            self._complain(key, old, value)
            return
        self._put(key, expected)
        if op is not Verb.INCR or old is None:
            self._live(write, expected, began, ended)
        self._recent.note(key, expected)
        if value != expected:
            self._complain(key, expected, value)

    def refused(self, write: Operation) -> None:
        """Note that ``write`` was refused because it cannot be applied to the key's value."""
        op, key, argument, _ = write
        if key in self._uncertain:
            return
        old = self._expected.get(key)
        if (life := self._lives.get(key)) is not None and life.is_over(wall_seconds()):
            old = None
        try:
            expected = _expect(old, op, argument)
        except ValueError:
            return
        self._complain(key, expected, old)

    def unknown(self, key: bytes) -> None:
        """Note that a write of ``key`` failed with an unknown outcome."""
        with self._lock:
            self._uncertain.add(key)
            self._ever_uncertain.add(key)
        self._put(key, None)

    def read(self, key: bytes, value: bytes | None, began: float | None = None) -> bool:
        """Note that the key's client read ``value``; return whether that was fresh. ``began``: when
        the call began, by ``wall_seconds``; ``None``: now."""
        if key in self._lives:
            self._expire(key, value, began)
        expected = self._expected.get(key)
        if self._unsafe and value == expected and (seq := self._unsafe.get(key)) is not None:
            with self._lock:
                self._resting[seq] += 1
        if value == expected or key in self._uncertain:
            return True
        with self._lock:
            self._stale_reads += 1
            if len(self._stale) < _MOST_EXAMPLES:
                versions, seconds = self._recent.behind(key, value)
                self._stale.append(StaleRead(key, expected, value, versions, seconds))
        return False

    def applied(self, events: Iterable[WriteEvent]) -> None:
        """Note that ``events`` became part of their rows, maybe before their call returned."""
        with self._lock:
            for event in events:
                seq = event.seq
                if event.op is Op.EXPIRE and self._renews(event.key):
                    continue
                mark = self._marks.add(seq, APPLIED)
                if mark & APPLIED:
                    self._duplicated.add(seq)
                elif mark & ACCEPTED:
                    self._open.pop(seq, None)
                    if self._unsafe:
                        self._is_safe(seq, event.key)
                else:
                    self._unclaimed[seq] = event.key

    def injected(self, events: Iterable[WriteEvent]) -> None:
        """Note that ``events`` were accepted from a fault. They count like any other write, and may
        become dead letters but not be lost. The values of their keys are not judged, because no
        client wrote them."""
        with self._lock:
            for event in events:
                self._accept(event.seq, event.key)
                self._injected_keys.add(event.key)

    def expected(self, key: bytes) -> bytes | None:
        """Return the value of ``key`` by what was acknowledged; ``None``: it is absent."""
        life = self._lives.get(key)
        if life is not None and life.is_over(wall_seconds()):
            return None
        return self._expected.get(key)

    @property
    def acknowledged(self) -> int:
        """The number of writes acknowledged so far."""
        return self._accepted

    def verdict(
        self,
        pending: Container[int],
        dead: Container[int],
        items: Iterable[tuple[bytes, bytes]],
        row_seq: Callable[[bytes], int] | None = None,
    ) -> Verdict:
        """Judge the run, after all clients have ended.

        Args:
            pending: the ids that are in the log.
            dead: the ids of the dead letters.
            items: the truth: every key with its value.
            row_seq: returns the newest id that is part of a key's row. Used for a write that the
                engine never reported as applied, because the worker died between its commit and
                the report. If the row is not older and the key's value is right, the write was
                applied (also if the key is rightly absent and has no row, 0: its tombstone was
                dropped); otherwise, or if this is ``None``, it is lost.
        """
        with self._lock:
            buried = {key for seq, key in self._open.items() if seq in dead}
            exempt = self._uncertain | self._injected_keys | buried
            wrong = _differences(self._expected, items, exempt, self._lives)
            wrong_keys = {difference.key for difference in wrong}

            def is_in_row(seq: int, key: bytes) -> bool:
                if row_seq is None or key in wrong_keys:
                    return False
                newest = row_seq(key)
                life = self._lives.get(key)
                over = life is not None and life.may_be_over(wall_seconds())
                return newest >= seq or (newest == 0 and (over or key not in self._expected))

            dead_ids = [seq for seq in self._open if seq in dead]
            pending_ids = [seq for seq in self._open if seq in pending and seq not in dead]
            silent = self._open.keys() - set(dead_ids) - set(pending_ids)
            lost = sorted(seq for seq in silent if not is_in_row(seq, self._open[seq]))
            phantoms = [
                seq
                for seq, key in self._unclaimed.items()
                if seq > (self._first or 0) and key not in self._ever_uncertain
            ]
            return Verdict(
                accepted=self._accepted,
                applied=self._accepted - len(dead_ids) - len(pending_ids) - len(lost),
                pending=len(pending_ids),
                dead=len(dead_ids),
                lost=tuple(lost),
                duplicated=tuple(sorted(self._duplicated)),
                phantoms=tuple(sorted(phantoms)),
                wrong=tuple(wrong),
                unfounded=tuple(self._unfounded),
                stale_reads=self._stale_reads,
                stale=tuple(self._stale),
                uncertain=tuple(sorted(self._uncertain)),
                lost_keys=tuple(self._open[seq] for seq in lost),
                dirty_reads=sum(self._resting[seq] for seq in lost),
            )

    def _accept(self, seq: int, key: bytes) -> None:
        mark = self._marks.add(seq, ACCEPTED)
        self._accepted += 1
        self._first = seq if self._first is None else min(seq, self._first)
        if mark & ACCEPTED:
            self._duplicated.add(seq)
        elif mark & APPLIED:
            self._unclaimed.pop(seq, None)
        else:
            self._open[seq] = key

    def _renews(self, key: bytes) -> bool:
        """Return whether reads renew ``key``: no client was told of such a write."""
        return self._policies is not None and self._policies.of(key).sliding

    def _is_safe(self, seq: int, key: bytes) -> None:
        """Note that a write that was in no log is in its row now."""
        self._resting.pop(seq, None)
        if self._unsafe.get(key) == seq:
            del self._unsafe[key]

    def _before(
        self, write: Operation, value: bytes | None, began: float, ended: float
    ) -> bytes | None:
        """Return the value of the key before ``write``, whose receipt has ``value``; the receipt
        decides where the value may have expired or not."""
        op, key, argument, _ = write
        old, life = self._expected.get(key), self._lives.get(key)
        if life is None or not life.may_be_over(ended):
            return old
        if life.is_over(began) or (op not in _ABSOLUTE and value == _expect(None, op, argument)):
            return None
        return old

    def _live(self, write: Operation, value: bytes | None, began: float, ended: float) -> None:
        """Note when the ``value`` that ``write`` has left expires."""
        self._lives.pop(write.key, None)
        if value is None or write.op is Verb.PERSIST:
            return
        shortest = longest = None if write.op is Verb.INCR else write.ttl
        if longest is None and self._policies is not None:
            policy = self._policies.of(write.key)
            longest = policy.ttl_seconds
            shortest = None if longest is None else longest * (1 - policy.jitter)
        if longest is not None and shortest is not None:
            self._lives[write.key] = Lifetime.of(began, ended, shortest, longest)

    def _expire(self, key: bytes, value: bytes | None, began: float | None) -> None:
        """Note what a read of ``value`` says about the expiry of ``key``."""
        ended, life = wall_seconds(), self._lives[key]
        began = ended if began is None else began
        if life.is_over(began) or (value is None and life.may_be_over(ended)):
            # From now on it must stay absent.
            self._put(key, None)
            self._recent.note(key, None)
        elif value is not None and self._policies is not None:
            policy = self._policies.of(key)
            if policy.sliding and policy.ttl_seconds is not None:
                renewed = Lifetime.of(began, ended, 0.0, policy.ttl_seconds)
                self._lives[key] = Lifetime(life.earliest, max(life.latest, renewed.latest))

    def _put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._expected.pop(key, None)
            self._lives.pop(key, None)
        else:
            self._expected[key] = value

    def _complain(self, key: bytes, expected: bytes | None, found: bytes | None) -> None:
        with self._lock:
            if len(self._unfounded) < _MOST_EXAMPLES:
                self._unfounded.append(Difference(key, expected, found))


def _expect(value: bytes | None, op: Verb, argument: bytes | int | None) -> bytes | None:
    """Return ``value`` after the write; raise ValueError if the write cannot be applied."""
    if op is Verb.DELETE:
        return None
    if op in (Verb.EXPIRE, Verb.PERSIST):
        return value
    if not isinstance(argument, int):
        return argument
    number = 0 if value is None else int(value)
    if value is not None and b"%d" % number != value:
        raise ValueError(value)
    if not all(-_COUNTER_LIMIT <= each < _COUNTER_LIMIT for each in (number, number + argument)):
        raise ValueError(value)
    return b"%d" % (number + argument)


def _differences(
    expected: dict[bytes, bytes],
    items: Iterable[tuple[bytes, bytes]],
    exempt: set[bytes],
    lives: Mapping[bytes, Lifetime],
) -> list[Difference]:
    began = wall_seconds()
    over = {key for key, life in lives.items() if life.is_over(began)}
    missing = {
        key: value for key, value in expected.items() if key not in exempt and key not in over
    }
    differences = []
    for key, value in items:
        if key not in exempt:
            right = missing.pop(key, None)
            if right != value:
                differences.append(Difference(key, right, value))
    ended = wall_seconds()
    differences += (
        Difference(key, value, None)
        for key, value in missing.items()
        if key not in lives or not lives[key].may_be_over(ended)
    )
    return differences
