"""Trials: the events of one key, tried one by one on the row that those before come to, and what is
decided by that. No effects: the caller writes, and takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from cachedesk.core.errors import CounterOverflow, NotACounter
from cachedesk.core.events import Entry, Refusal, WriteEvent, applied
from cachedesk.core.refusals import is_refusal, reason_of
from cachedesk.core.truth import Trouble

Rehearse = Callable[[bytes, Entry], None]


class Fate(Enum):
    """What came of trying an event: it was part of its row or dead already; the database would
    take it; no value can take it; the database refuses it."""

    SETTLED = auto()
    TAKEN = auto()
    HOPELESS = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Trial:
    """One event that was tried: the row after it, or why not."""

    event: WriteEvent
    fate: Fate
    row: Entry | None = None
    reason: str = ""


class KeyTrials:
    """Tries the events of one key, up to the first that is refused as a leap: behind one that
    would be taken, because that one is to be committed first."""

    def __init__(
        self, key: bytes, before: Entry, events: Sequence[WriteEvent], dead: Collection[int]
    ) -> None:
        """Prepare.

        Args:
            key: whose events they are.
            before: the row they meet.
            events: in seq order.
            dead: which of them are dead letters already.
        """
        self.key = key
        self.before = before
        self.trials: list[Trial] = []
        self._row = before
        self._dead = dead
        self._events = events
        self._next = 0
        self._taken = False
        # The database was asked in this very pass: of a thousand increments by one, once.
        self._refused: dict[bytes | None, str] = {}

    def go_on(self, rehearse: Rehearse, most: int) -> int:
        """Try up to ``most`` more events; return how many were tried, 0 when there are no more.

        Raises:
            DatabaseError, Unavailable: from ``rehearse``, when it says nothing about the event.
        """
        began = self._next
        while self._next < len(self._events) and self._next - began < most:
            trial = self._tried(self._events[self._next], rehearse)
            if trial.fate is Fate.REFUSED and self._taken:
                self._events = ()
                break
            self._next += 1
            self.trials.append(trial)
            if trial.row is not None:
                self._row, self._taken = trial.row, True
        return self._next - began

    def _tried(self, event: WriteEvent, rehearse: Rehearse) -> Trial:
        if event.seq in self._dead or event.seq <= self._row.seq:
            return Trial(event, Fate.SETTLED)
        after: Entry | None = None
        try:
            after = applied(self._row, event)
            if after.value in self._refused:
                return Trial(event, Fate.REFUSED, reason=self._refused[after.value])
            rehearse(self.key, after)
        except (NotACounter, CounterOverflow) as error:
            return Trial(event, Fate.HOPELESS, reason=str(error))
        except Exception as error:
            if not is_refusal(error):
                raise
            reason = reason_of(error)
            if after is not None:
                self._refused[after.value] = reason
            return Trial(event, Fate.REFUSED, reason=reason)
        self._refused.clear()
        return Trial(event, Fate.TAKEN, after)


@dataclass(slots=True)
class Ruling:
    """What is decided of the events of one key, and what is not yet."""

    key: bytes
    row: Entry
    decided: list[Trial] = field(default_factory=list)
    buried: list[Refusal] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)
    trouble: Trouble | None = None

    def with_fate(self, fate: Fate) -> list[WriteEvent]:
        """Return the decided events with this fate."""
        return [trial.event for trial in self.decided if trial.fate is fate]


def rule(tried: KeyTrials, attempts: Mapping[int, int], most_attempts: int) -> Ruling:
    """Decide in order, up to the first refused event that has attempts left.

    Args:
        tried: the trials of one key.
        attempts: how often its events were refused before.
        most_attempts: after how many an event is a dead letter.
    """
    ruling = Ruling(tried.key, tried.before)
    for trial in tried.trials:
        seq = trial.event.seq
        if trial.fate is Fate.REFUSED:
            count = ruling.counted[seq] = attempts.get(seq, 0) + 1
            if ruling.trouble is None and count < most_attempts:
                ruling.trouble = Trouble(seq, count, trial.reason)
        if ruling.trouble is not None:
            continue
        ruling.decided.append(trial)
        if trial.row is not None:
            ruling.row = trial.row
        elif trial.fate is not Fate.SETTLED:
            ruling.buried.append(Refusal(trial.event, trial.reason))
    return ruling
