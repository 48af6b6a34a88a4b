"""When the engine decided that a time to live ends.

A call says for how long a value lives, and the engine says until when. The times to live of one
history are all different, so that the judge can tell which call a deadline belongs to.
"""

from __future__ import annotations

from collections.abc import Callable

_known: dict[float, float] = {}

Deadlines = Callable[[float | str | None], float | None]


def forget() -> None:
    """Begin a history."""
    _known.clear()


def noting(deadline_of: Deadlines) -> Deadlines:
    """Return ``deadline_of``, with its results noted."""

    def noted(ttl: float | str | None) -> float | None:
        expires_at = deadline_of(ttl)
        if isinstance(ttl, float) and expires_at is not None:
            _known[ttl] = expires_at
        return expires_at

    return noted


def of(ttl: float) -> float | None:
    """Return when a value with ``ttl`` expires; ``None`` while no call has said so."""
    return _known.get(ttl)
