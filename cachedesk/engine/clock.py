"""The clock: wall time that nobody can set back or forward while the process lives.

An event's ``at`` is compared with a later ``now`` of the same process, for its lag and its age. If
the machine's clock is set between the two, by a second or by ten years, the difference must not
be counted as lag.
"""

from __future__ import annotations

import time

_BEGAN = time.time() - time.monotonic()


def wall_seconds() -> float:
    """Return seconds since 1970, as they were when the process began, plus what has passed."""
    return _BEGAN + time.monotonic()
