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
