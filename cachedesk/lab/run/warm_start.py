"""A warm start: the contents of a workload are stored and in Redis before it begins.

An empty stack answers the first minutes of a workload from the database, which says nothing about
the stack. Only the desk starts warm; a run measures what it finds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CachedeskError
from cachedesk.core.failpoints import ComponentCrash
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Level
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.load.operations import Operation
from cachedesk.stack.stack import Stack

_KEYS_AT_ONCE = 500


class Judged(Protocol):
    """A stack, and the ledger that judges it."""

    @property
    def stack(self) -> Stack:
        """The stack."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The ledger, which is told of every write."""
        ...


def warm_up(
    session: Judged,
    contents: Iterable[Operation],
    stopping: threading.Event,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Bring ``contents`` into Redis, store those of them that are stored nowhere, and count from
    then on. Called before ``session.start``.

    A data directory that has rows, but none of these keys, belongs to something else: it stays as
    it is. A stack that cannot be read or written now stays as warm as it is.

    Args:
        session: its stack is warmed up, and its ledger is told of what is written.
        contents: one set per key, the most important first.
        stopping: ends it after the current keys when set.
        on_progress: called with the number of keys that are warm, and of all keys.
    """
    stack = session.stack
    writes = list(contents)
    fills = not stack.snapshot().database.rows
    try:
        for first in range(0, len(writes), _KEYS_AT_ONCE):
            if stopping.is_set():
                return
            some = writes[first : first + _KEYS_AT_ONCE]
            found = stack.layer.get_many([write.key for write in some])
            missing = [write for write, value in zip(some, found, strict=True) if value is None]
            fills = fills or len(missing) < len(some)
            if fills:
                _store(session, missing)
            on_progress(first + len(some), len(writes))
    except (CachedeskError, ComponentCrash):
        return
    finally:
        stack.metrics.begin_again()


def _store(session: Judged, writes: list[Operation]) -> None:
    layer = session.stack.layer
    for path in WritePath:
        # Each path at a time: what an error of one leaves open is not in doubt on the other.
        some = [write for write in writes if layer.policy(write.key).path is path]
        began = wall_seconds()
        try:
            receipts = layer.write_many([write.call for write in some])
        except (CachedeskError, ComponentCrash):
            for write in some:
                session.ledger.unknown(write.key)
            raise
        for write, receipt in zip(some, receipts, strict=True):
            safe = receipt.level is not Level.CACHED
            session.ledger.accepted(receipt.seq, write, receipt.value, safe=safe, began=began)
