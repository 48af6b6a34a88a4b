"""The clock: wall time that cannot be set back or forward while the process lives.

Times that one process compares come from here: an event's ``at`` and a later ``now``, the axis of
a chart and a mark on it. If the machine's clock is set between the two, by a second or by ten
years, the difference must not be counted. ``time.time`` is only for labels.
"""

from __future__ import annotations

import time

_BEGAN = time.time() - time.monotonic()


def wall_seconds() -> float:
    """Return seconds since 1970, as they were when the process began, plus what has passed."""
    return _BEGAN + time.monotonic()
