"""The judge: it sees every change of the disk and every call, and says which promise was broken.

The truth of a key is its row with the events in the log folded in. It may change only because a
client asked for it: by an append, or by a write-through's commit, or because the key expires.
Whatever else is written (a flush, an ack, the purging of an expired row, the trimming of a
tombstone) must leave every truth as it is; if it does not, an event was lost or applied twice, and
the judge says so at that very step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CounterOverflow, NotACounter
from cachedesk.core.events import ABSENT, Argument, Entry, Op, WriteEvent, applied, fold, increment
from cachedesk.core.writes import Level, Receipt
from tests.model import deadlines
from tests.model.disk import REFUSED, Disk


class Step(NamedTuple):
    """One change that a call wants. ``ttl``: for how long the key lives from then on;
    ``expires_at``: until when, if that was known before the call."""

    op: Op
    arg: Argument
    ttl: float | None = None
    expires_at: float | None = None

    @property
    def deadline(self) -> float | None:
        """When the key expires from then on; a time that never comes until the engine says so."""
        return self.expires_at if self.ttl is None else deadlines.of(self.ttl) or -1.0

    def is_that_of(self, event: WriteEvent) -> bool:
        """Whether ``event`` does this."""
        return (self.op, self.arg, self.deadline) == (event.op, event.arg, event.expires_at)

    @property
    def persists(self) -> bool:
        """Whether it removes a deadline."""
        return self.op is Op.EXPIRE and self.deadline is None


class Version(NamedTuple):
    """A value that a key had in truth until ``expires_at``, and the write that led to it (0:
    none)."""

    value: bytes | None
    seq: int
    expires_at: float | None = None


class Begun(NamedTuple):
    """When a read began: the oldest version that it may return, and the time."""

    place: int
    at: float


@dataclass(eq=False)
class Intent:
    """What one call wants done to one key, and the seqs under which it was done.

    ``fate``: ``open`` while the call lasts, then ``done``, ``failed`` or ``unknown``.
    """

    who: str
    key: bytes
    steps: list[Step]
    fate: str = "open"
    seqs: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        steps = ", ".join(
            f"{step.op.name.lower()} {step.arg!r} until {step.deadline}" for step in self.steps
        )
        return f"{self.who}'s {steps} of {self.key!r} ({self.fate})"

    def leads(self, base: Entry, to: Entry) -> bool:
        """Whether all its steps make ``to`` of ``base``, at any time up to now."""
        ends = {base[::2]}
        for step in self.steps:
            ends = {end for it in ends for end in _after(step, *it)}
        return to[::2] in ends


End = tuple[bytes | None, float | None]


def _after(step: Step, value: bytes | None, expires_at: float | None) -> Iterator[End]:
    """Yield what ``step`` may make of a value: it comes before the deadline, or after it."""
    if step.op is Op.SET:
        yield step.arg, step.deadline  # type: ignore[misc]
    elif step.op is Op.DELETE:
        yield None, None
    else:
        yield from _after_relative(step, value, expires_at)
        if expires_at is not None and expires_at <= wall_seconds():
            yield from _after_relative(step, None, None)


def _after_relative(step: Step, value: bytes | None, expires_at: float | None) -> Iterator[End]:
    if step.op is Op.EXPIRE:
        yield value, None if value is None else step.deadline
        return
    with suppress(NotACounter, CounterOverflow):
        yield increment(value, step.arg), expires_at  # type: ignore[arg-type]


class Judge:
    """Knows the truth, and what was acknowledged of it."""

    def __init__(self, accuse: Callable[[str], None]) -> None:
        """Prepare; ``accuse`` is called with what is wrong, and does not return."""
        self._accuse = accuse
        self.disk: Disk
        self.versions: dict[bytes, list[Version]] = defaultdict(lambda: [Version(None, 0)])
        self._acked: dict[bytes, int] = defaultdict(int)
        self._place: dict[tuple[bytes, int], int] = {}
        self._newest: dict[bytes, int] = defaultdict(int)
        self._seqs: set[int] = set()
        self._logged: dict[bytes, list[WriteEvent]] = defaultdict(list)
        self._intents: dict[bytes, list[Intent]] = defaultdict(list)
        self._buried: set[int] = set()
        self._told: set[int] = set()
        self._limbo: set[int] = set()
        self._persists: set[tuple[bytes, int]] = set()
        self._without_effect: set[tuple[bytes, int]] = set()
        deadlines.forget()

    # Reports from the disk.

    def appended(self, events: list[WriteEvent], late: bool) -> None:
        """Events have become durable in the log. The calls of those whose commit failed do not
        know it, and a write-through that overtakes them puts them aside."""
        for key in dict.fromkeys(event.key for event in events):
            self._append_to(key, [event for event in events if event.key == key], late)

    def trimmed(self, events: list[WriteEvent]) -> None:
        """Events are out of the log."""
        gone = {event.seq for event in events}
        for key in {event.key for event in events}:
            self._logged[key] = [event for event in self._logged[key] if event.seq not in gone]
            self._check_unchanged(key, "was taken out of the log")

    def committed(self, before: Mapping[bytes, Entry | None], late: bool) -> None:
        """Rows or dead letters have changed."""
        buried = self.disk.dead.keys() - self._buried
        self._buried = set(self.disk.dead)
        for key, row in before.items():
            now, last = self._truth(key), self.versions[key][-1]
            same = self._is_still(now, last)
            if late and row is not self.disk.rows.get(key):
                self._came_late(key, now)
            elif now.seq > self._newest[key]:
                self._written_through(key, row or ABSENT, now)
            elif any(self.disk.dead[seq].key == key for seq in buried):
                self._check_burial(key, buried)
                self._add(key, Version(now.value, 0, now.expires_at))
            elif not same:
                self._accuse(
                    f"a flush changed the truth of {key!r} from {last} to {now}: row before"
                    f" {row}, now {self.disk.rows.get(key)}, in the log {self._logged[key]}"
                )

    def told(self, events: Iterable[WriteEvent]) -> None:
        """The engine says that events are now part of their rows (once in each life)."""
        for event in events:
            if event.seq in self._told:
                self._accuse(f"{event} is said to be applied a second time")
            self._told.add(event.seq)
            row = self.disk.rows.get(event.key, ABSENT)
            if row.seq < event.seq and row is not ABSENT:
                self._accuse(f"{event} is said to be applied, but the row is {row}")

    def reborn(self) -> None:
        """A new process opens the files."""
        self._told.clear()
        for intents in self._intents.values():
            self.unknown([intent for intent in intents if intent.fate == "open"])

    # Reports from the clients.

    def asks(self, who: str, changes: Iterable[tuple[bytes, Step]]) -> list[Intent]:
        """A call begins that wants ``changes``; return its intents."""
        intents: dict[bytes, Intent] = {}
        for key, step in changes:
            intents.setdefault(key, Intent(who, key, [])).steps.append(step)
        for key, intent in intents.items():
            self._intents[key].append(intent)
        return list(intents.values())

    def acknowledged(
        self, intents: list[Intent], receipts: Sequence[tuple[bytes, Receipt]]
    ) -> None:
        """The call returned with a receipt for each of its changes, in order."""
        of_key: dict[bytes, list[Receipt]] = defaultdict(list)
        for key, receipt in receipts:
            of_key[key].append(receipt)
        for intent in intents:
            self._acknowledge(intent, of_key[intent.key])

    def failed(self, intents: list[Intent], error: Exception) -> None:
        """The call says that it changed nothing."""
        for intent in intents:
            self._give_away(intent)
            if intent.seqs:
                self._accuse(f"{intent} failed with {error!r}, and was applied all the same")
            intent.fate = "failed"

    def unknown(self, intents: list[Intent]) -> None:
        """The result of the call is unknown, or its client is gone."""
        for intent in intents:
            intent.fate = "unknown"

    def interrupted(self, intents: list[Intent]) -> None:
        """As ``unknown``. What the call had put into the log counts from when the engine finds it
        there, which it cannot while the log cannot be read; a newer write may come first."""
        self.unknown(intents)
        for intent in intents:
            self._limbo.update(intent.seqs)

    def begins(self, key: bytes) -> Begun:
        """A read of ``key`` begins; return from which version on it may return."""
        return Begun(self._acked[key], wall_seconds())

    def saw(self, who: str, key: bytes, value: bytes | None, since: Begun) -> None:
        """A read that began at ``since`` returned ``value``."""
        now = wall_seconds()
        possible: list[bytes | None] = []
        for version in self.versions[key][since.place :]:
            if version.expires_at is None or version.expires_at > since.at:
                possible.append(version.value)
            if version.expires_at is not None and version.expires_at <= now:
                possible.append(None)
        if value not in possible:
            versions = self.versions[key]
            if value in [version.value for version in versions[since.place :]]:
                what = "an expired value"
            elif value in [version.value for version in versions[: since.place]]:
                what = "a stale value"
            else:
                what = "what nobody wrote"
            self._accuse(f"{who} read {what}: {key!r} is {value!r}, not one of {possible}")

    def truth(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""
        return self._truth(key).as_of(wall_seconds()).value

    def all_keys(self) -> list[bytes]:
        """Return all keys that were ever asked for."""
        return sorted(self._intents)

    def ever_text(self, key: bytes) -> bool:
        """Whether a client set ``key`` to a value that cannot be incremented."""
        return any(
            isinstance(step.arg, bytes) and not step.arg.lstrip(b"-").isdigit()
            for intent in self._intents[key]
            for step in intent.steps
        )

    def _acknowledge(self, intent: Intent, receipts: list[Receipt]) -> None:
        last = receipts[-1]
        # Of a write-through only what its steps come to is seen.
        through = last.level is Level.APPLIED
        seqs = [last.seq] if through else [receipt.seq for receipt in receipts]
        for seq in seqs:
            if seq not in intent.seqs:
                self._take_back(intent, seq, seqs)
        if sorted(intent.seqs) != seqs:
            self._accuse(f"{intent} was acknowledged as {seqs}, and on the disk is {intent.seqs}")
        for receipt in [last] if through else receipts:
            self._check_receipt(intent, receipt)
        intent.fate = "done"
        place = self._place[intent.key, last.seq]
        self._acked[intent.key] = max(self._acked[intent.key], place)

    def _check_receipt(self, intent: Intent, receipt: Receipt) -> None:
        version = self.versions[intent.key][self._place.get((intent.key, receipt.seq), 0)]
        if version[:2] != (receipt.value, receipt.seq):
            self._accuse(f"{intent} came to {version}, and its receipt says {receipt}")
        known = receipt.level is Level.DURABLE
        if known and receipt.changed is ((intent.key, receipt.seq) in self._without_effect):
            self._accuse(f"{intent} came to {version}, and its receipt says {receipt}")

    def _take_back(self, intent: Intent, seq: int, own: Sequence[int]) -> None:
        """Two deletes cannot be distinguished before their calls return, nor what removes two
        deadlines: see whether another call was thought to have done what ``intent`` did as
        ``seq``, and exchange them."""
        for other in self._others(intent):
            if seq in other.seqs and self._may_be_any(intent.key, seq):
                other.seqs.remove(seq)
                wrong = [each for each in intent.seqs if each not in own]
                if wrong and self._may_be_any(intent.key, wrong[0]):
                    intent.seqs.remove(wrong[0])
                    other.seqs.append(wrong[0])
                intent.seqs.append(seq)
                return

    def _give_away(self, intent: Intent) -> None:
        """As ``_take_back``, for a call that did nothing."""
        for seq in list(intent.seqs):
            for other in self._others(intent):
                free = len(other.seqs) < len(other.steps)
                if free and self._may_have_done(other, seq):
                    other.seqs.append(seq)
                    intent.seqs.remove(seq)
                    break

    def _others(self, intent: Intent) -> list[Intent]:
        return [
            other
            for other in self._intents[intent.key]
            if other is not intent and other.fate in ("open", "unknown")
        ]

    def _may_be_any(self, key: bytes, seq: int) -> bool:
        """Whether what was done as ``seq`` does not say which call has done it."""
        return (key, seq) in self._persists or self._left_absent(key, seq)

    def _may_have_done(self, intent: Intent, seq: int) -> bool:
        """Whether ``intent`` may have done what was done as ``seq``, for all that can be seen."""
        if self._left_absent(intent.key, seq):
            return any(step.op in (Op.DELETE, Op.EXPIRE) for step in intent.steps)
        persisted = (intent.key, seq) in self._persists
        return persisted and any(step.persists for step in intent.steps)

    def _left_absent(self, key: bytes, seq: int) -> bool:
        return (key, seq) in self._place and (
            self.versions[key][self._place[key, seq]].value is None
        )

    def _append_to(self, key: bytes, events: list[WriteEvent], late: bool) -> None:
        for event in events:
            self._new_seq(event.seq)
            if late:
                self._limbo.add(event.seq)
            before = self._truth(key)
            self._logged[key].append(event)
            if late and event.seq < before.seq:
                continue
            if event.seq <= self._newest[key]:
                newest = self._newest[key]
                self._accuse(f"{event} enters the log behind the write {newest} of its key")
            try:
                after = applied(before, event)
            except (NotACounter, CounterOverflow):
                self._accuse(f"{event} was accepted, but {before.value!r} cannot take it")
                return
            self._see_effect(key, event, before)
            self._add(key, Version(after.value, event.seq, after.expires_at))
        while events:
            intent = self._claimant(key, events, late)
            if intent is None:
                self._accuse(f"{events[0]} is in the log, and nobody asks for it")
                return
            intent.seqs = [event.seq for event in events[: len(intent.steps)]]
            events = events[len(intent.steps) :]

    def _claimant(self, key: bytes, events: list[WriteEvent], late: bool) -> Intent | None:
        """Return whose events ``events`` begin with: those of one call stand together."""
        fates = ("open", "unknown") if late else ("open",)
        fitting = [
            intent
            for intent in self._intents[key]
            if intent.fate in fates
            and len(intent.steps) <= len(events)
            and all(map(Step.is_that_of, intent.steps, events))
        ]
        return max(self._free(fitting), key=lambda intent: len(intent.steps), default=None)

    def _free(self, fitting: list[Intent]) -> list[Intent]:
        """Return those of ``fitting`` that were not done yet."""
        free = [intent for intent in fitting if not intent.seqs]
        if not free:
            # One of them seems to have been done, by a delete of a call that has failed.
            for intent in fitting:
                self._give_away(intent)
            free = [intent for intent in fitting if not intent.seqs]
        return free

    def _written_through(self, key: bytes, row: Entry, now: Entry) -> None:
        self._new_seq(now.seq)
        alive = self._alive(key)
        # The engine finds what calls of unknown outcome left in the log in its order.
        bases = {
            fold(row, [it for it in alive if it.seq <= through or it.seq not in self._limbo])
            for through in (0, *(event.seq for event in alive))
        }
        fitting = [
            intent
            for intent in self._intents[key]
            if intent.fate == "open" and any(intent.leads(base, now) for base in bases)
        ]
        free = self._free(fitting)
        if free:
            free[0].seqs.append(now.seq)
            if free[0].steps[-1].persists:
                self._persists.add((key, now.seq))
            self._add(key, Version(now.value, now.seq, now.expires_at))
            return
        self._accuse(
            f"{key!r} was {' or '.join(map(repr, bases))} and became {now}, which no call wants;"
            f" open are {[str(it) for it in self._intents[key] if it.fate == 'open']}"
        )

    def _came_late(self, key: bytes, now: Entry) -> None:
        """A write-through that does not know its outcome shows when the files are opened again:
        it takes place now. (Of a flush that shows late, nothing is to be seen.)"""
        row = self.disk.rows.get(key, ABSENT)
        if row.seq == 0 or row.seq in self._seqs:
            if not self._is_still(now, self.versions[key][-1]):
                self._accuse(f"{key!r} became {now} when the files were opened")
            return
        self._new_seq(row.seq)
        bases = {Entry(*version) for version in self.versions[key]}
        for intent in self._intents[key]:
            asked = intent.fate in ("open", "unknown") and not intent.seqs
            if asked and any(intent.leads(base, row) for base in bases):
                intent.seqs.append(row.seq)
                self._newest[key] = max(self._newest[key], now.seq)
                self._add(key, Version(now.value, 0, now.expires_at))
                return
        self._accuse(f"{key!r} became {now} when the files were opened, and nobody asked for it")

    def _check_burial(self, key: bytes, buried: set[int]) -> None:
        for seq in buried:
            letter = self.disk.dead[seq]
            if letter.key == key and letter.op == "set" and letter.arg not in REFUSED:
                self._accuse(f"{letter} was buried, and nothing refuses it")

    def _check_unchanged(self, key: bytes, why: str) -> None:
        now, last = self._truth(key), self.versions[key][-1]
        if not self._is_still(now, last):
            self._accuse(
                f"the truth of {key!r} went from {last} to {now}: an event {why} that is not in"
                f" the row {self.disk.rows.get(key)}"
            )

    def _is_still(self, entry: Entry, version: Version) -> bool:
        """Whether ``entry`` is that ``version``, or both have expired."""
        now = wall_seconds()
        return entry.as_of(now)[::2] == Entry(*version).as_of(now)[::2]

    def _see_effect(self, key: bytes, event: WriteEvent, before: Entry) -> None:
        if event.op is not Op.EXPIRE:
            return
        value, _, expires_at = before.as_of(event.at)
        if value is None or expires_at is None is event.expires_at:
            self._without_effect.add((key, event.seq))
        if event.expires_at is None:
            self._persists.add((key, event.seq))

    def _alive(self, key: bytes) -> list[WriteEvent]:
        return [event for event in self._logged[key] if event.seq not in self.disk.dead]

    def _truth(self, key: bytes) -> Entry:
        return fold(self.disk.rows.get(key, ABSENT), self._alive(key))

    def _new_seq(self, seq: int) -> None:
        if seq in self._seqs:
            self._accuse(f"the seq {seq} was given twice")
        self._seqs.add(seq)

    def _add(self, key: bytes, version: Version) -> None:
        if version.seq:
            self._place[key, version.seq] = len(self.versions[key])
            self._newest[key] = max(self._newest[key], version.seq)
        self.versions[key].append(version)
