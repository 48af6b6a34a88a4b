"""The poison event: a fault that puts an event into the log that cannot be applied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.fault import Fault
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Observer
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.leased_cache import LeasedCache

POISON_KEY = b"cachedesk:poison"

_SPOILT = b"changed by another program"

ForeignWrite = Callable[[], AbstractContextManager[Callable[[bytes, bytes], None]]]
"""Holds the database's write lock as another program would. The block gets a function that changes
a row; the end of the block commits. Raises ``Unavailable`` if the lock cannot be taken."""


class LogPoison(Fault):
    """Logs an increment, and changes the row of its key to a text on another connection, as another
    program might. The increment cannot be applied and becomes a dead letter. The fault has a key of
    its own, so it harms no other data; it leaves a row and a dead letter."""

    name, title = "log.poison", "put an event into the log that no value can take"

    def __init__(
        self,
        *,
        layer: CacheLayer,
        foreign_write: ForeignWrite,
        cache: LeasedCache,
        observer: Observer,
    ) -> None:
        self._foreign_write = foreign_write
        self._observer = observer
        self._cache = cache
        self._layer = layer

    def inject(self, argument: str = "") -> str:
        self._write(Op.SET, b"0", WritePath.THROUGH)
        # While the lock is held, the worker cannot apply the increment before the row is changed.
        with self._foreign_write() as write:
            seq = self._write(Op.INCR, 1, WritePath.BEHIND)
            write(POISON_KEY, _SPOILT)
        # The cached copy is outdated, as after any write of another program.
        self._cache.drop([POISON_KEY])
        return f"event {seq} is poison: its key {POISON_KEY.decode()} is no longer a counter"

    def _write(self, op: Op, arg: bytes | int, path: WritePath) -> int:
        receipt = self._layer.write((op.name.lower(), POISON_KEY, arg), policy=path.value)
        event = WriteEvent(receipt.seq, op, POISON_KEY, arg, wall_seconds())
        self._observer.injected((event,))
        return receipt.seq
