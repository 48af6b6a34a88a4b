"""Differences: the keys whose value differs between two stacks that did the same operations.

A pure comparison of two snapshots. What a read returns matters most. Values that only a restart or
a miss would show, because the truth differs and a copy in Redis hides it, come second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import HotKey, Snapshot
from cachedesk.desk.views.key_listing import matches


class Kind(IntEnum):
    """How a key differs, the worst first: what a read returns, or only the truth, or not at all."""

    READ = 0
    TRUTH = 1
    SAME = 2


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key and what a read of it returns on each side; ``note`` says how they differ."""

    key: bytes
    left: bytes | None
    right: bytes | None
    kind: Kind
    note: str = ""


@dataclass(frozen=True, slots=True)
class Differences:
    """The keys that both sides know, those that differ first, then the most used first."""

    rows: tuple[KeyPair, ...] = ()

    def count(self, kind: Kind) -> int:
        """Return how many keys differ in this way."""
        return sum(row.kind is kind for row in self.rows)


def listed(found: Differences, filter_text: str) -> Differences:
    """Return those of ``found`` whose key matches the filter; all of them without one."""
    if not filter_text:
        return found
    return Differences(tuple(row for row in found.rows if matches(row.key, filter_text)))


def differences(
    left: Snapshot, right: Snapshot, busy: Collection[bytes] = frozenset()
) -> Differences:
    """Compare the hot keys of two snapshots; a key with an unknown value is left out.

    Args:
        left: the snapshot of the left side.
        right: the snapshot of the right side.
        busy: keys with operations under way, which are left out too.
    """
    others = {hot.key: hot for hot in right.hot if hot.key not in busy}
    pairs = [
        _pair(hot, others[hot.key], left.safeguards, right.safeguards)
        for hot in left.hot
        if hot.key in others
    ]
    return Differences(_sorted(pair for pair in pairs if pair is not None))


def _sorted(pairs: Iterable[KeyPair]) -> tuple[KeyPair, ...]:
    return tuple(sorted(pairs, key=lambda pair: pair.kind))


def _pair(
    left: HotKey, right: HotKey, left_guards: Safeguards, right_guards: Safeguards
) -> KeyPair | None:
    one, other = _read(left, left_guards), _read(right, right_guards)
    if one is None or other is None:
        return None
    (one_value,), (other_value,) = one, other
    if one_value != other_value:
        right_is_odd = len(right_guards.off) > len(left_guards.off)
        note = _read_note(one_value, other_value, right_is_odd=right_is_odd)
        return KeyPair(left.key, one_value, other_value, Kind.READ, note)
    if left.truth_known and right.truth_known and left.truth != right.truth:
        note = _truth_note(left, right)
        return KeyPair(left.key, one_value, other_value, Kind.TRUTH, note)
    return KeyPair(left.key, one_value, other_value, Kind.SAME)


def _read(hot: HotKey, safeguards: Safeguards) -> tuple[bytes | None] | None:
    """Return what a read returns, in a tuple; ``None`` if that is unknown."""
    if hot.cached_known and hot.cached is not None:
        return (hot.cached,)
    if not safeguards.read_repair:
        return (hot.row,) if hot.row_known else None
    return (hot.truth,) if hot.truth_known else None


def _read_note(left: bytes | None, right: bytes | None, *, right_is_odd: bool) -> str:
    """Return how the side with fewer safeguards differs from the other one."""
    if left is None or right is None:
        return "absent left" if left is None else "absent right"
    if not (_is_counter(left) and _is_counter(right)):
        return "differs"
    difference = int(right) - int(left) if right_is_odd else int(left) - int(right)
    side = "right" if right_is_odd else "left"
    return f"{side} {abs(difference):,} {'less' if difference < 0 else 'more'}"


def _is_counter(value: bytes) -> bool:
    digits = value.removeprefix(b"-")
    return digits.isdigit() and len(digits) < 20


def _truth_note(left: HotKey, right: HotKey) -> str:
    for side, hot in (("left", left), ("right", right)):
        if hot.unlogged:
            return f"{side}: {hot.unlogged:,} in Redis only"
    return "Redis hides an older truth"
