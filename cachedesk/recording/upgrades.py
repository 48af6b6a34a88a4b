"""Upgrades: what a recording of an older format is missing, said outright for each format.

A record is brought from its own format to the next, and so on, before it is read. What an old
recording cannot know gets the value that was true then, never one that merely happens to be the
default. A change of the shape of ``Snapshot`` needs a new ``FORMAT`` and a step here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Record = dict[str, Any]


def _from_1_to_2(record: Record, whole: bool) -> None:
    """Format 1 was written while ``Snapshot`` grew, so each of these may be there or not."""
    if whole:
        # They could not be switched off before they were recorded.
        record.setdefault("safeguards", dict.fromkeys(_SAFEGUARDS_OF_2, True))
    for key in _items(record, "hot"):
        # Without that switch every write was in the log.
        key.setdefault("unlogged", 0)
    for event in _items(record, "events"):
        event.setdefault("times", 1)
        event.setdefault("first_at", None)
        event.setdefault("topic", "")
    for reads in _parts(record, "reads"):
        # Reads that missed together were not told apart: each counted as asking by itself.
        reads.setdefault("loads", reads.get("overlay", 0) + reads.get("database", 0))
    for redis in _parts(record, "redis"):
        # Not counted then; a bypass is in the event ring all the same.
        redis.setdefault("bypasses", 0)


def _from_2_to_3(record: Record, whole: bool) -> None:
    """Format 3 added a code to events, and whether calls are counted."""
    if whole:
        # What was recorded was always observed.
        record.setdefault("observed", True)
    for event in _items(record, "events"):
        event.setdefault("code", "")


_SAFEGUARDS_OF_2 = ("log", "read_repair", "effectively_once", "cold_restart")

_STEPS: dict[int, Callable[[Record, bool], None]] = {1: _from_1_to_2, 2: _from_2_to_3}

OLDEST = min(_STEPS)
"""The oldest format that can be read."""


def upgrade(record: object, found: int, wanted: int, *, whole: bool) -> object:
    """Bring a decoded record from one format to another, in place, and return it.

    Args:
        record: what is no record stays as it is: it is refused when it is read.
        found: its format.
        wanted: the format to bring it to.
        whole: whether it holds a whole snapshot, not only what has changed.
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
    """Yield what a change of the list ``name`` adds to it."""
    change = record.get(name)
    if isinstance(change, list) and change and isinstance(change[-1], list):
        yield from (item for item in change[-1] if isinstance(item, dict))
