"""Refusals: which errors say that the data itself cannot be written, whatever is tried again.

A locked, full, read-only, slow or broken database is *transient*: the same write may succeed
later, so it is tried for ever and nothing is given up because of it. An error that follows from
what is written (a constraint or trigger that says no, a value of the wrong type or size) is
*permanent*: it comes back at every attempt and would stop everything behind it. A store raises
``DatabaseRefused`` for the second kind and another ``DatabaseError`` for the first.
"""

from __future__ import annotations

from cachedesk.core.errors import CachedeskError, DatabaseRefused

_TRANSIENT = (CachedeskError, OSError, MemoryError)


def is_refusal(error: Exception) -> bool:
    """Whether ``error``, raised while events were applied, belongs to the events: the database
    refuses them, or nobody thought of them. (A crash or a kill is never one.)"""
    return isinstance(error, DatabaseRefused) or not isinstance(error, _TRANSIENT)


def reason_of(error: Exception) -> str:
    """Return why, in one line."""
    said = " ".join(str(error).split())
    return said if isinstance(error, CachedeskError) else f"{type(error).__name__}: {said}"
