"""Draining the log, with a way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cachedesk.core.errors import Unavailable
from cachedesk.engine.cache_layer import CacheLayer

_POLL_SECONDS = 0.25


def drain(
    layer: CacheLayer,
    seconds: float,
    stopping: threading.Event,
    trouble: Callable[[], str] = str,
) -> float | None:
    """Flush the pending events of ``layer``.

    Args:
        layer: the cache layer to drain.
        seconds: how long to try.
        stopping: ends the drain when set.
        trouble: returns why it cannot be drained any more; empty while it can.

    Returns:
        The seconds it took; ``None`` if events are still pending.
    """
    began = time.monotonic()
    while True:
        try:
            layer.drain(_POLL_SECONDS)
        except Unavailable:
            if stopping.is_set() or trouble() or time.monotonic() - began > seconds:
                return None
        else:
            return time.monotonic() - began
