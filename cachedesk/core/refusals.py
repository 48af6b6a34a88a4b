"""Refusals: which errors are permanent because the data itself cannot be written.

A locked, full, read-only, slow or broken database is a *transient* error: the same write may
succeed later, so it is retried forever and no event is given up. An error caused by the data (a
constraint or trigger that refuses it, a value of the wrong type or size) is *permanent*: it recurs
at every attempt and would block all later events. A store raises ``DatabaseRefused`` for a
permanent error and another ``DatabaseError`` for a transient one.
"""

from __future__ import annotations

from cachedesk.core.errors import CachedeskError, DatabaseRefused

_TRANSIENT = (CachedeskError, OSError, MemoryError)


def is_refusal(error: Exception) -> bool:
    """Return whether ``error``, raised while events were applied, is permanent: the database
    refuses the events, or the error is unexpected. (A crash or a kill is never a refusal.)"""
    return isinstance(error, DatabaseRefused) or not isinstance(error, _TRANSIENT)


def reason_of(error: Exception) -> str:
    """Return the reason that ``error`` gives, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, CachedeskError) else f"{type(error).__name__}: {text}"
