"""The recent values of keys, to determine how old a stale value is."""

from __future__ import annotations

import time
from collections import deque

MOST_VALUES = 20_000


class RecentValues:
    """The newest acknowledged values of all keys together, in bounded memory. Thread-safe."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._values: deque[tuple[bytes, bytes | None, float]] = deque(maxlen=most)

    def note(self, key: bytes, value: bytes | None) -> None:
        """Note that ``key`` has ``value`` from now on (``None``: it is absent)."""
        self._values.append((key, value, time.monotonic()))

    def behind(self, key: bytes, value: bytes | None) -> tuple[int | None, float | None]:
        """Return how stale ``value`` is, which was read of ``key`` just now.

        Returns:
            The number of newer values that were acknowledged, and the seconds since the first of
            them; ``None`` twice if ``value`` is older than the recorded ones, or was never right.
        """
        now, known = time.monotonic(), list(self._values)
        newer = 0
        since: float | None = None
        for its_key, its_value, at in reversed(known):
            if its_key == key:
                if newer and its_value == value:
                    return newer, now - since if since is not None else None
                newer, since = newer + 1, at
        if newer and len(known) < (self._values.maxlen or 0):
            # The whole run is recorded, so this is the value from before the run.
            return newer, now - since if since is not None else None
        return None, None
