"""The clock: wall time that does not change when the machine's clock is set.

Times that one process compares come from here: an event's ``at`` and a later ``now``, the axis of
a chart and a mark on it. If the machine's clock is set in between, by a second or by ten years,
the difference must not count. ``time.time`` is only for labels.
"""

from __future__ import annotations

import time

_BEGAN = time.time() - time.monotonic()


def wall_seconds() -> float:
    """Return seconds since 1970: wall time at process start plus monotonic time since then."""
    return _BEGAN + time.monotonic()


def not_before(seconds: float) -> float:
    """Raise ``wall_seconds`` to at least ``seconds``, the newest time found in the files, and
    return by how much it was raised.

    If the machine's clock was set back while no process ran, expired keys would otherwise be
    present again. This holds for the whole process."""
    global _BEGAN  # noqa: PLW0603 - there is one clock
    raised = max(0.0, seconds - wall_seconds())
    _BEGAN += raised
    return raised


def machine_seconds(at: float) -> float:
    """Convert ``at`` from ``wall_seconds`` to the machine's clock as it is set now, for another
    process, which has only that clock."""
    return at + (time.time() - wall_seconds())
