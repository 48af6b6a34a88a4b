"""Trials: the events of one key are tried one by one, each on the row after the events before it;
the results decide which are applied, buried or retried. No effects: the caller writes each row and
rolls it back.
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


class Outcome(Enum):
    """The outcome of a trial.

    ``SETTLED``: the event is part of its row already, or a dead letter. ``ACCEPTED``: the database
    would accept the row after it. ``INAPPLICABLE``: it cannot be applied to the value before it.
    ``REFUSED``: the database refuses the row after it.
    """

    SETTLED = auto()
    ACCEPTED = auto()
    INAPPLICABLE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Trial:
    """One event that was tried. ``row``: the row after it, if it was accepted; ``reason``: why it
    was not."""

    event: WriteEvent
    outcome: Outcome
    row: Entry | None = None
    reason: str = ""


class KeyTrials:
    """Tries the events of one key. It stops at an event that is refused after an accepted one,
    because the accepted one must be committed first: the stored row would otherwise be replaced by
    a row that is several events ahead, and its refusal proves nothing about this event."""

    def __init__(
        self, key: bytes, before: Entry, events: Sequence[WriteEvent], dead: Collection[int]
    ) -> None:
        """Prepare.

        Args:
            key: the key.
            before: its row.
            events: its oldest pending events, in seq order.
            dead: the seqs of those that are dead letters already.
        """
        self.key = key
        self.before = before
        self.trials: list[Trial] = []
        self._row = before
        self._dead = dead
        self._events = events
        self._next = 0
        self._accepted = False
        # The refused values of this pass: a thousand equal increments are tried only once.
        self._refused: dict[bytes | None, str] = {}

    def go_on(self, rehearse: Rehearse, most: int) -> int:
        """Try up to ``most`` more events.

        Args:
            rehearse: writes a row and rolls it back; raises if the database refuses it.
            most: the maximum number of events to try.

        Returns:
            How many events were tried; 0 if there are no more.

        Raises:
            DatabaseError, Unavailable: an error of ``rehearse`` other than a refusal of the row.
        """
        began = self._next
        while self._next < len(self._events) and self._next - began < most:
            trial = self._tried(self._events[self._next], rehearse)
            if trial.outcome is Outcome.REFUSED and self._accepted:
                self._events = ()
                break
            self._next += 1
            self.trials.append(trial)
            if trial.row is not None:
                self._row, self._accepted = trial.row, True
        return self._next - began

    def _tried(self, event: WriteEvent, rehearse: Rehearse) -> Trial:
        if event.seq in self._dead or event.seq <= self._row.seq:
            return Trial(event, Outcome.SETTLED)
        after: Entry | None = None
        try:
            after = applied(self._row, event)
            if after.value in self._refused:
                return Trial(event, Outcome.REFUSED, reason=self._refused[after.value])
            rehearse(self.key, after)
        except (NotACounter, CounterOverflow) as error:
            return Trial(event, Outcome.INAPPLICABLE, reason=str(error))
        except Exception as error:
            if not is_refusal(error):
                raise
            reason = reason_of(error)
            if after is not None:
                self._refused[after.value] = reason
            return Trial(event, Outcome.REFUSED, reason=reason)
        self._refused.clear()
        return Trial(event, Outcome.ACCEPTED, after)


@dataclass(slots=True)
class Decision:
    """The decision on the events of one key.

    ``row``: the row after the decided events. ``decided``: their trials, in order. ``buried``:
    those that become dead letters. ``counted``: the number of refusals of each refused event, by
    seq. ``trouble``: why the first undecided event is blocked; ``None`` if all tried events are
    decided.
    """

    key: bytes
    row: Entry
    decided: list[Trial] = field(default_factory=list)
    buried: list[Refusal] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)
    trouble: Trouble | None = None

    def with_outcome(self, outcome: Outcome) -> list[WriteEvent]:
        """Return the decided events with this outcome."""
        return [trial.event for trial in self.decided if trial.outcome is outcome]


def decide(tried: KeyTrials, attempts: Mapping[int, int], most_attempts: int) -> Decision:
    """Decide events in order, up to the first refused event that has attempts left.

    Args:
        tried: the trials of one key.
        attempts: how often its events were refused before, by seq.
        most_attempts: the number of refusals after which an event is buried.
    """
    decision = Decision(tried.key, tried.before)
    for trial in tried.trials:
        seq = trial.event.seq
        if trial.outcome is Outcome.REFUSED:
            count = decision.counted[seq] = attempts.get(seq, 0) + 1
            if decision.trouble is None and count < most_attempts:
                decision.trouble = Trouble(seq, count, trial.reason)
        if decision.trouble is not None:
            continue
        decision.decided.append(trial)
        if trial.row is not None:
            decision.row = trial.row
        elif trial.outcome is not Outcome.SETTLED:
            decision.buried.append(Refusal(trial.event, trial.reason))
    return decision
