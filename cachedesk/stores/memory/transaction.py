"""The contents of a database in memory, and a transaction on them. Its changes are kept aside, and
either applied to the contents all at once or discarded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import DatabaseError, DatabaseRefused, DatabaseUndone
from cachedesk.core.events import ABSENT, Entry, Refusal

K = TypeVar("K")
V = TypeVar("V")

Refuses = Callable[[bytes, bytes | None], str]
"""Returns why a key cannot have a value; empty if it can."""


@dataclass(slots=True)
class Contents:
    """Rows, dead letters by seq, refused attempts by seq, numbers by name."""

    rows: dict[bytes, Entry] = field(default_factory=dict)
    dead: dict[int, DeadLetter] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(
        default_factory=lambda: {"newest_seq": 0, "log_seq": 0, "log_epoch": 0}
    )
    live_rows: int = 0

    def rows_of(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; keys without a row are left out."""
        return {key: self.rows[key] for key in keys if key in self.rows}

    def letters_of(self, key: bytes, most: int) -> list[DeadLetter]:
        """Return the newest dead letters of ``key``, oldest first, without their arguments."""
        own = sorted(seq for seq, letter in self.dead.items() if letter.key == key)
        return [replace(self.dead[seq], arg=None) for seq in own[-most:]]

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters in a range."""
        return {seq for seq in self.dead if first_seq <= seq <= last_seq}


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of a transaction; ``None`` stands for a deletion."""

    rows: dict[bytes, Entry | None] = field(default_factory=dict)
    dead: dict[int, DeadLetter | None] = field(default_factory=dict)
    attempts: dict[int, int | None] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows or self.dead or self.attempts or self.numbers)

    def apply(self, contents: Contents) -> None:
        """Apply them to ``contents``."""
        for key, row in self.rows.items():
            before = contents.rows.get(key, ABSENT)
            after = row or ABSENT
            contents.live_rows += (after.value is not None) - (before.value is not None)
        _merge(contents.rows, self.rows)
        _merge(contents.dead, self.dead)
        _merge(contents.attempts, self.attempts)
        contents.numbers |= self.numbers


class Transaction:
    """A ``RecordTransaction`` in memory; one at a time."""

    def __init__(self, before: Contents, refusal: Refuses, *, undoing: bool) -> None:
        """Begin a transaction.

        Args:
            before: the committed contents; they do not change meanwhile.
            refusal: returns why a row is refused.
            undoing: whether a refusal rolls back the whole transaction.
        """
        self._before = before
        self._refusal = refusal
        self._undoing = undoing
        self._undone = False
        self._changes = Changes()

    @property
    def changes(self) -> Changes:
        """The changes to commit; raises ``DatabaseError`` if they were rolled back."""
        self._check()
        return self._changes

    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return the rows of ``keys``; a key without a row is not in the result."""
        self._check()
        found = {key: self._row(key) for key in keys}
        return {key: row for key, row in found.items() if row is not None}

    def write(self, rows: Mapping[bytes, Entry]) -> None:
        """Insert or replace ``rows``; raises ``DatabaseRefused`` if one of them is refused."""
        self._check()
        for key, row in rows.items():
            if reason := self._refusal(key, row.value):
                if self._undoing:
                    self._changes, self._undone = Changes(), True
                    raise DatabaseUndone(reason)
                raise DatabaseRefused(reason)
        self._changes.rows.update(rows)

    def write_one(self, key: bytes, row: Entry) -> None:
        """Like ``write``, for one row; earlier writes stand if it is refused."""
        self.write({key: row})

    def rehearse_one(self, key: bytes, row: Entry) -> None:
        """Write a row and undo it. The rehearsal continues even if the row is refused."""
        changes = self._changes
        before = dict(changes.rows)
        try:
            self.write({key: row})
        finally:
            self._changes, self._undone = replace(changes, rows=before), False

    def overwrite(self, key: bytes, value: bytes) -> None:
        """Set the value of an existing row, and nothing else of it."""
        self._check()
        row = self._row(key)
        if row is not None:
            self._changes.rows[key] = row._replace(value=value)

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        """Return the seqs of the dead letters in a range."""
        self._check()
        seqs = self._before.dead.keys() | self._changes.dead.keys()
        return {seq for seq in seqs if first_seq <= seq <= last_seq and self._letter(seq)}

    def bury(self, refusals: Iterable[Refusal]) -> None:
        """Store events as dead letters, with the reason and the number of attempts."""
        self._check()
        for event, reason in refusals:
            if self._letter(event.seq):
                raise DatabaseRefused(f"event {event.seq} is a dead letter already")
            counted = self.attempts([event.seq]).get(event.seq, 1)
            self._changes.dead[event.seq] = DeadLetter(
                event.seq,
                event.op.name.lower(),
                event.key,
                event.arg,
                reason,
                counted,
                event.at,
                event.expires_at,
            )
            self._changes.attempts[event.seq] = None

    def remove_letter(self, seq: int) -> bool:
        """Remove the dead letter ``seq``; return whether there was one."""
        self._check()
        if self._letter(seq) is None:
            return False
        self._changes.dead[seq] = None
        return True

    def attempts(self, seqs: Sequence[int]) -> dict[int, int]:
        """Return how often each of these events was refused; events never refused are left out."""
        self._check()
        changed, before = self._changes.attempts, self._before.attempts
        found = {seq: changed[seq] if seq in changed else before.get(seq) for seq in seqs}
        return {seq: count for seq, count in found.items() if count is not None}

    def count_attempts(self, attempts: Mapping[int, int]) -> None:
        """Store how often events were refused."""
        self._check()
        self._changes.attempts.update(attempts)

    def forget_attempts(self, through_seq: int) -> None:
        """Delete the refusal counts of events up to ``through_seq``."""
        self._check()
        for seq in self._before.attempts.keys() | self._changes.attempts.keys():
            if seq <= through_seq:
                self._changes.attempts[seq] = None

    def drop_tombstones(self, through_seq: int, most: int) -> int:
        """Delete up to ``most`` tombstones whose seq is not above ``through_seq``."""
        self._check()
        old = [
            key
            for key, row in self._before.rows.items()
            if row.value is None and row.seq <= through_seq
        ][:most]
        self._changes.rows.update(dict.fromkeys(old))
        return len(old)

    def note(self, name: str, number: int) -> None:
        """Raise the number stored under ``name`` to ``number``; a higher one stays."""
        self._check()
        kept = self._changes.numbers.get(name, self._before.numbers.get(name, number))
        self._changes.numbers[name] = max(number, kept)

    def _row(self, key: bytes) -> Entry | None:
        changed = self._changes.rows
        return changed[key] if key in changed else self._before.rows.get(key)

    def _letter(self, seq: int) -> DeadLetter | None:
        changed = self._changes.dead
        return changed[seq] if seq in changed else self._before.dead.get(seq)

    def _check(self) -> None:
        if self._undone:
            raise DatabaseError("the transaction was rolled back")


def _merge(into: dict[K, V], changes: Mapping[K, V | None]) -> None:
    for key, value in changes.items():
        if value is None:
            into.pop(key, None)
        else:
            into[key] = value
