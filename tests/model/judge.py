"""The judge: it sees every change of the disk and every call, and says which promise was broken.

The truth of a key is its row with the events in the log folded in. It may change only because a
client asked for it: by an append, or by a write-through's commit. Whatever else is written (a
flush, an ack, the trimming of a tombstone) must leave every truth as it is; if it does not, an
event was lost or applied twice, and the judge says so at that very step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cachedesk.core.errors import CounterOverflow, NotACounter
from cachedesk.core.events import ABSENT, Argument, Entry, Op, WriteEvent, applied, change, fold
from cachedesk.core.writes import Level, Receipt
from tests.model.disk import REFUSED, Disk

Step = tuple[Op, Argument]


class Version(NamedTuple):
    """A value that a key had in truth, and the write that led to it (0: none)."""

    value: bytes | None
    seq: int


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
        steps = ", ".join(f"{op.name.lower()} {arg!r}" for op, arg in self.steps)
        return f"{self.who}'s {steps} of {self.key!r} ({self.fate})"

    def leads(self, value: bytes | None, to: bytes | None) -> bool:
        """Whether all its steps make ``to`` of ``value``."""
        try:
            for op, arg in self.steps:
                value, _ = change(Entry(value), op, arg, 0.0)
        except (NotACounter, CounterOverflow):
            return False
        return value == to


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
            if late and row is not self.disk.rows.get(key):
                self._came_late(key, now)
            elif now.seq > self._newest[key]:
                self._written_through(key, row or ABSENT, now)
            elif any(self.disk.dead[seq].key == key for seq in buried):
                self._check_burial(key, buried)
                self._add(key, Version(now.value, 0))
            elif now.value != last.value:
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

    def asks(self, who: str, changes: Iterable[tuple[Op, bytes, Argument]]) -> list[Intent]:
        """A call begins that wants ``changes``; return its intents."""
        intents: dict[bytes, Intent] = {}
        for op, key, arg in changes:
            intents.setdefault(key, Intent(who, key, [])).steps.append((op, arg))
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

    def begins(self, key: bytes) -> int:
        """A read of ``key`` begins; return from which version on it may return."""
        return self._acked[key]

    def saw(self, who: str, key: bytes, value: bytes | None, since: int) -> None:
        """A read that began at ``since`` returned ``value``."""
        possible = [version.value for version in self.versions[key][since:]]
        if value not in possible:
            older = [version.value for version in self.versions[key][:since]]
            what = "a stale value" if value in older else "what nobody wrote"
            self._accuse(f"{who} read {what}: {key!r} is {value!r}, not one of {possible}")

    def truth(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""
        return self._truth(key).value

    def all_keys(self) -> list[bytes]:
        """Return all keys that were ever asked for."""
        return sorted(self._intents)

    def ever_text(self, key: bytes) -> bool:
        """Whether a client set ``key`` to a value that cannot be incremented."""
        return any(
            op is Op.SET and isinstance(arg, bytes) and not arg.lstrip(b"-").isdigit()
            for intent in self._intents[key]
            for op, arg in intent.steps
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
        if version != Version(receipt.value, receipt.seq):
            self._accuse(f"{intent} came to {version}, and its receipt says {receipt}")

    def _take_back(self, intent: Intent, seq: int, own: Sequence[int]) -> None:
        """Two deletes cannot be distinguished before their calls return: see whether another call
        was thought to have done what ``intent`` did as ``seq``, and exchange them."""
        for other in self._others(intent):
            if seq in other.seqs and self._is_delete(intent.key, seq):
                other.seqs.remove(seq)
                wrong = [each for each in intent.seqs if each not in own]
                if wrong and self._is_delete(intent.key, wrong[0]):
                    intent.seqs.remove(wrong[0])
                    other.seqs.append(wrong[0])
                intent.seqs.append(seq)
                return

    def _give_away(self, intent: Intent) -> None:
        """As ``_take_back``, for a call that did nothing."""
        for seq in list(intent.seqs):
            for other in self._others(intent):
                free = len(other.seqs) < len(other.steps)
                if free and (Op.DELETE, None) in other.steps and self._is_delete(intent.key, seq):
                    other.seqs.append(seq)
                    intent.seqs.remove(seq)
                    break

    def _others(self, intent: Intent) -> list[Intent]:
        return [
            other
            for other in self._intents[intent.key]
            if other is not intent and other.fate in ("open", "unknown")
        ]

    def _is_delete(self, key: bytes, seq: int) -> bool:
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
                value = applied(before, event).value
            except (NotACounter, CounterOverflow):
                self._accuse(f"{event} was accepted, but {before.value!r} cannot take it")
                return
            self._add(key, Version(value, event.seq))
        while events:
            intent = self._claimant(key, events, late)
            if intent is None:
                self._accuse(f"{events[0]} is in the log, and nobody asks for it")
                return
            intent.seqs = [event.seq for event in events[: len(intent.steps)]]
            events = events[len(intent.steps) :]

    def _claimant(self, key: bytes, events: list[WriteEvent], late: bool) -> Intent | None:
        """Return whose events ``events`` begin with: those of one call stand together."""
        steps = [(event.op, event.arg) for event in events]
        fates = ("open", "unknown") if late else ("open",)
        fitting = [
            intent
            for intent in self._intents[key]
            if intent.fate in fates and intent.steps == steps[: len(intent.steps)]
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
        known = [event for event in alive if event.seq not in self._limbo]
        bases = {fold(row, alive).value, fold(row, known).value}
        fitting = [
            intent
            for intent in self._intents[key]
            if intent.fate == "open" and any(intent.leads(base, now.value) for base in bases)
        ]
        free = self._free(fitting)
        if free:
            free[0].seqs.append(now.seq)
            self._add(key, Version(now.value, now.seq))
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
            if now.value != self.versions[key][-1].value:
                self._accuse(f"{key!r} became {now} when the files were opened")
            return
        self._new_seq(row.seq)
        bases = {version.value for version in self.versions[key]}
        for intent in self._intents[key]:
            asked = intent.fate in ("open", "unknown") and not intent.seqs
            if asked and any(intent.leads(base, row.value) for base in bases):
                intent.seqs.append(row.seq)
                self._newest[key] = max(self._newest[key], now.seq)
                self._add(key, Version(now.value, 0))
                return
        self._accuse(f"{key!r} became {now} when the files were opened, and nobody asked for it")

    def _check_burial(self, key: bytes, buried: set[int]) -> None:
        for seq in buried:
            letter = self.disk.dead[seq]
            if letter.key == key and letter.op == "set" and letter.arg not in REFUSED:
                self._accuse(f"{letter} was buried, and nothing refuses it")

    def _check_unchanged(self, key: bytes, why: str) -> None:
        now, last = self._truth(key), self.versions[key][-1]
        if now.value != last.value:
            self._accuse(
                f"the truth of {key!r} went from {last} to {now}: an event {why} that is not in"
                f" the row {self.disk.rows.get(key)}"
            )

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
