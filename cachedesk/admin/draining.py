"""Draining that can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cachedesk.core.errors import Unavailable
from cachedesk.engine.cache_layer import CacheLayer

_LOOK_SECONDS = 0.25


def drain(
    layer: CacheLayer,
    seconds: float,
    stopping: threading.Event,
    trouble: Callable[[], str] = str,
) -> float | None:
    """Flush what is pending in ``layer``.

    Args:
        layer: whose log.
        seconds: how long to try.
        stopping: when set, drain no more.
        trouble: returns why it cannot be drained any more, empty while it can.

    Returns:
        How many seconds it took; ``None`` when events are still pending.
    """
    began = time.monotonic()
    while True:
        try:
            layer.drain(_LOOK_SECONDS)
        except Unavailable:
            if stopping.is_set() or trouble() or time.monotonic() - began > seconds:
                return None
        else:
            return time.monotonic() - began
