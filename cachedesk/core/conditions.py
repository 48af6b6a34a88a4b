"""Conditions of writes: what a key must be at the moment when a write of it is accepted.

A condition is evaluated where the write is made: in the transaction of a write-through, or by the
one caller that appends to the log. No other write of the key can come in between. A write whose
condition is not met is not accepted, and leaves no event.
"""

from __future__ import annotations

from collections.abc import Callable

from cachedesk.core.events import Entry

Condition = Callable[[Entry], bool]
"""Called with the entry of a key, absent if it has expired; must be quick and never raise. It may
be called more than once for a write."""


def is_absent(entry: Entry) -> bool:
    """Return whether the key is absent."""
    return entry.value is None


def is_present(entry: Entry) -> bool:
    """Return whether the key has a value."""
    return entry.value is not None


def equals(value: bytes | None) -> Condition:
    """Return the condition that the key has this value; ``None``: that it is absent."""
    return lambda entry: entry.value == value
