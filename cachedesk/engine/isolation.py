"""Isolation: of a batch that is refused as a whole, all that is healthy is applied at once and
only the culprits stay behind, until each is decided (promise 7).

The batch is halved by key until the keys that are refused stand alone. Of such a key the events
are tried one by one: those before the first refused one are applied, those behind it wait, and
each refusal is counted in the database, so that neither a restart nor a SIGKILL begins the count
again, and neither adds to it. After ``max_attempts`` refusals an event is buried.

A refused event is one whose row the database would not take in the place of the row that is there.
So a whole run of them is decided together; but one that was refused behind an event that would be
taken says nothing, because the database was asked for a leap over both: what is taken is committed
first, and then it is asked again. An event that no value can take (an increment of a text) is
buried at once.

What is buried was already part of what readers saw. It is taken away while the key is held
alone, so that no writer reckons with it meanwhile: first from what is pending, then the version
of the key is raised, so that no older fill comes, then the key is dropped from Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from cachedesk.engine.errors import CounterOverflow, NotACounter
from cachedesk.engine.events import NO_ROW, Coalesced, Refusal, Row, WriteEvent, change
from cachedesk.engine.parts import Parts
from cachedesk.engine.refusal import is_refusal, reason_of

LOCK_SECONDS = 1.0
_MOST_TRIALS_PER_KEY = 5_000
_KEY_SECONDS = 0.5


class Suspicious(Exception):
    """Some events of a batch are refused or dead already; nothing was changed."""

    def __init__(self, keys: Collection[bytes]) -> None:
        super().__init__(f"{len(keys)} keys have events that cannot be applied")
        self.keys = frozenset(keys)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a pass left undecided: from ``seq`` on, because of ``reason``, after ``attempts``."""

    seq: int
    attempts: int
    reason: str


class _Fate(Enum):
    SETTLED = auto()
    TAKEN = auto()
    HOPELESS = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class _Trial:
    """What came of trying one event: the row after it, or why not."""

    event: WriteEvent
    fate: _Fate
    row: Row = NO_ROW
    reason: str = ""


@dataclass(slots=True)
class _Ruling:
    """What is decided about the events of one key, and what is not yet."""

    row: Row
    decided: list[_Trial]
    buried: list[Refusal]
    counted: dict[int, int]
    trouble: Trouble | None = None


class Isolation:
    """Decides batches that cannot be applied as a whole. Used by the worker alone."""

    def __init__(
        self,
        parts: Parts,
        apply: Callable[[Sequence[WriteEvent]], None],
        settle: Callable[[Sequence[WriteEvent], Coalesced, set[int], float], None],
        closing: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare.

        Args:
            parts: the stack.
            apply: applies events in one transaction and settles them; raises ``Suspicious`` or
                what ``is_refusal`` knows when they cannot be.
            settle: says that events are committed.
            closing: whether to leave the rest undecided.
        """
        self._database = parts.database
        self._fence = parts.fence
        self._versions = parts.versions
        self._cache = parts.cache
        self._reach = parts.failpoints.reach
        self._most_attempts = parts.settings.worker.max_attempts
        self._apply = apply
        self._settle = settle
        self._closing = closing
        self._done: set[int] = set()
        self._troubles: dict[bytes, Trouble] = {}

    def forget(self) -> None:
        """Know nothing, as after a crash; the files know what was decided."""
        self._done.clear()
        self._troubles.clear()

    def acked(self, through_seq: int) -> None:
        """Forget what the log will not deliver again."""
        self._done = {seq for seq in self._done if seq > through_seq}

    def decide(self, events: Sequence[WriteEvent]) -> Trouble | None:
        """Apply what can be, try again what was refused, bury what has no attempts left, and
        return what is not decided yet.

        Args:
            events: everything that the log delivers from its head on, in order.

        Raises:
            DatabaseError, Unavailable: not now; what was decided so far is committed.
        """
        known, self._troubles = self._troubles.keys(), {}
        return self._work_through(events, known)

    def pass_by(self, events: Sequence[WriteEvent]) -> Trouble | None:
        """As ``decide``, but let the keys that were refused wait for their next attempt."""
        return self._work_through([it for it in events if it.key not in self._troubles], ())

    def _work_through(
        self, events: Sequence[WriteEvent], known: Collection[bytes]
    ) -> Trouble | None:
        waiting = [event for event in events if event.seq not in self._done]
        suspects = {event.key for event in waiting if event.key in known}
        suspects |= self._apply_all_but_suspects(
            [event for event in waiting if event.key not in suspects]
        )
        queues: dict[bytes, list[WriteEvent]] = {}
        for event in waiting:
            if event.key in suspects:
                queues.setdefault(event.key, []).append(event)
        for key, queue in queues.items():
            if trouble := self._decide_key(key, queue):
                self._troubles[key] = trouble
        if not self._troubles:
            return None
        first = min(self._troubles.values(), key=lambda trouble: trouble.seq)
        soonest = min(trouble.attempts for trouble in self._troubles.values())
        return Trouble(first.seq, soonest, first.reason)

    def _apply_all_but_suspects(self, events: list[WriteEvent]) -> set[bytes]:
        """Apply what can be applied, key by key if need be; return the keys that cannot."""
        suspects: set[bytes] = set()
        groups = [events] if events else []
        while groups:
            group = groups.pop()
            try:
                self._apply(group)
            except Suspicious as found:
                suspects |= found.keys
                groups += _split(group, found.keys)[1:]
            except Exception as error:
                if not is_refusal(error):
                    raise
                keys = list(dict.fromkeys(event.key for event in group))
                if len(keys) == 1:
                    suspects.add(keys[0])
                else:
                    groups += _split(group, frozenset(keys[: len(keys) // 2]))
            else:
                self._done.update(event.seq for event in group)
        return suspects

    def _decide_key(self, key: bytes, queue: list[WriteEvent]) -> Trouble | None:
        until = time.monotonic() + _KEY_SECONDS
        while queue:
            if self._closing() or time.monotonic() > until:
                return Trouble(queue[0].seq, 0, "more of the key's events are to be tried")
            ruling = self._decide_run(key, queue[:_MOST_TRIALS_PER_KEY])
            if ruling is None:
                return Trouble(queue[0].seq, 0, "the row was changed meanwhile")
            if ruling.trouble is not None:
                return ruling.trouble
            queue = queue[len(ruling.decided) :]
        return None

    def _decide_run(self, key: bytes, events: Sequence[WriteEvent]) -> _Ruling | None:
        """Decide the first of a key's ``events``; ``None`` when somebody else was faster."""
        began = time.monotonic()
        dead = self._database.dead_between(events[0].seq, events[-1].seq)
        before = self._database.read(key)
        trials = list(self._try(before, events, dead))
        deadline = time.monotonic() + LOCK_SECONDS
        with self._fence.alone({key}, deadline):
            with self._database.transaction(deadline) as transaction:
                self._reach("worker.apply.begin")
                if transaction.rows([key]).get(key, NO_ROW) != before:
                    return None
                refused = [trial.event.seq for trial in trials if trial.fate is _Fate.REFUSED]
                ruling = self._rule(before, trials, transaction.attempts(refused))
                self._reach("worker.coalesce.after")
                transaction.count_attempts(ruling.counted)
                rows = {key: ruling.row} if ruling.row is not before else {}
                transaction.write(rows)
                self._reach("worker.apply.mid_batch")
                transaction.bury(ruling.buried)
                self._reach("worker.apply.before_commit")
            self._reach("worker.apply.after_commit")
            dead |= {event.seq for event, _ in ruling.buried}
            self._settle_key(key, rows, ruling, dead, time.monotonic() - began)
        self._reach("worker.settle.after")
        return ruling

    def _try(
        self, row: Row, events: Sequence[WriteEvent], dead: Collection[int]
    ) -> Iterator[_Trial]:
        """Try each event on the row that those before it come to, up to the first that is refused
        as a leap."""
        taken = False
        for event in events:
            if event.seq in dead or event.seq <= row.seq:
                yield _Trial(event, _Fate.SETTLED)
                continue
            try:
                after = Row(change(row.value, event.op, event.arg), event.seq)
                self._database.rehearse({event.key: after}, time.monotonic() + LOCK_SECONDS)
            except (NotACounter, CounterOverflow) as error:
                yield _Trial(event, _Fate.HOPELESS, reason=str(error))
            except Exception as error:
                if not is_refusal(error):
                    raise
                if taken:
                    return
                yield _Trial(event, _Fate.REFUSED, reason=reason_of(error))
            else:
                row, taken = after, True
                yield _Trial(event, _Fate.TAKEN, row)

    def _rule(self, before: Row, trials: Sequence[_Trial], attempts: Mapping[int, int]) -> _Ruling:
        """Decide in order, up to the first refused event that has attempts left."""
        ruling = _Ruling(before, [], [], {})
        for trial in trials:
            seq = trial.event.seq
            if trial.fate is _Fate.REFUSED:
                count = ruling.counted[seq] = attempts.get(seq, 0) + 1
                if ruling.trouble is None and count < self._most_attempts:
                    ruling.trouble = Trouble(seq, count, trial.reason)
            if ruling.trouble is not None:
                continue
            ruling.decided.append(trial)
            if trial.fate is _Fate.TAKEN:
                ruling.row = trial.row
            elif trial.fate is not _Fate.SETTLED:
                ruling.buried.append(Refusal(trial.event, trial.reason))
        return ruling

    def _settle_key(
        self, key: bytes, rows: dict[bytes, Row], ruling: _Ruling, dead: set[int], seconds: float
    ) -> None:
        if not ruling.decided:
            return
        fates: dict[_Fate, list[WriteEvent]] = {fate: [] for fate in _Fate}
        for trial in ruling.decided:
            fates[trial.fate].append(trial.event)
        decided = [trial.event for trial in ruling.decided]
        repeated = [event for event in fates[_Fate.SETTLED] if event.seq not in dead]
        coalesced = Coalesced(rows, fates[_Fate.TAKEN], repeated, ruling.buried)
        self._settle(decided, coalesced, dead, seconds)
        if dead:
            self._versions.bump([key])
            self._cache.put({key: None})
        self._done.update(event.seq for event in decided)


def _split(events: Sequence[WriteEvent], keys: Collection[bytes]) -> list[list[WriteEvent]]:
    """Return the events of ``keys``, and then the others, if there are any."""
    others = [event for event in events if event.key not in keys]
    return [[event for event in events if event.key in keys], *filter(None, [others])]
