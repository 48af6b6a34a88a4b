"""Upgrades: the fields that recordings of older formats lack, explicitly for each format.

A record is upgraded from its format to the next, step by step, before it is decoded. A missing
field gets the value that was true then, never just the current default. A change of the fields of
``Snapshot`` needs a new ``FORMAT`` and a step here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Record = dict[str, Any]


def _from_1_to_2(record: Record, whole: bool) -> None:
    """Format 1 was written while ``Snapshot`` grew, so each of these fields may be missing."""
    if whole:
        # Before they were recorded, they could not be switched off.
        record.setdefault("safeguards", dict.fromkeys(_SAFEGUARDS_OF_2, True))
    for key in _items(record, "hot"):
        # Before that switch existed, every write was in the log.
        key.setdefault("unlogged", 0)
    for event in _items(record, "events"):
        event.setdefault("times", 1)
        event.setdefault("first_at", None)
        event.setdefault("topic", "")
    for reads in _parts(record, "reads"):
        # Reads that missed together were not distinguished: each counted as one load.
        reads.setdefault("loads", reads.get("overlay", 0) + reads.get("database", 0))
    for redis in _parts(record, "redis"):
        # Not counted then; a bypass was in the event ring.
        redis.setdefault("bypasses", 0)


def _from_2_to_3(record: Record, whole: bool) -> None:
    """Format 3 added a code to events, and whether calls are counted."""
    if whole:
        # Recorded stacks were always observed.
        record.setdefault("observed", True)
    for event in _items(record, "events"):
        event.setdefault("code", "")


def _from_3_to_4(record: Record, whole: bool) -> None:
    """Format 4 added how many expired rows were purged, negative hits, and stale values that were
    returned on an error."""
    for reads in _parts(record, "reads"):
        # No policy could allow either.
        reads.setdefault("negative", 0)
        reads.setdefault("stale_on_error", 0)
    for worker in _parts(record, "worker"):
        # No key expired then.
        worker.setdefault("purged", 0)


_SAFEGUARDS_OF_2 = ("log", "read_repair", "effectively_once", "cold_restart")

_STEPS: dict[int, Callable[[Record, bool], None]] = {
    1: _from_1_to_2,
    2: _from_2_to_3,
    3: _from_3_to_4,
}

OLDEST = min(_STEPS)
"""The oldest format that can be read."""


def upgrade(record: object, found: int, wanted: int, *, whole: bool) -> object:
    """Upgrade a decoded record from one format to another, in place, and return it.

    Args:
        record: the record; a value of another type is returned unchanged and refused later.
        found: its format.
        wanted: the format to upgrade to.
        whole: whether it holds a whole snapshot, not only changes.
    """
    if isinstance(record, dict):
        for step in range(found, wanted):
            _STEPS[step](record, whole)
    return record


def _parts(record: Record, name: str) -> Iterator[Record]:
    part = record.get(name)
    if isinstance(part, dict):
        yield part


def _items(record: Record, name: str) -> Iterator[Record]:
    """Yield the items that a change of the list ``name`` adds."""
    change = record.get(name)
    if isinstance(change, list) and change and isinstance(change[-1], list):
        yield from (item for item in change[-1] if isinstance(item, dict))
