"""Surveys: commands about all keys, on pages of the truth."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import chain, count, islice

from cachedesk.core.errors import CachedeskError
from cachedesk.core.snapshot import Snapshot
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.server.failures import told
from cachedesk.server.glob import matcher
from cachedesk.server.plan import CommandError, Keyspace, Survey
from cachedesk.server.replies import INTERNAL, Reply

_MOST_CURSORS = 256
_log = logging.getLogger("cachedesk.server")


def survey(command: Survey, keyspace: Keyspace) -> Reply:
    """Carry out ``command``. Never raises."""
    try:
        return command.run(keyspace)
    except (CachedeskError, CommandError) as error:
        return told(error)
    except Exception:  # noqa: BLE001 - the server goes on; it is logged
        _log.exception("a survey failed in an unexpected way")
        return INTERNAL


class LayerKeyspace:
    """The keys of a cache layer. Used by one thread at a time.

    A SCAN goes on from an iterator that is kept under the number of its cursor; of the oldest, none
    is kept. So a scan returns each key that is there from its beginning to its end exactly once.
    """

    def __init__(
        self, layer: CacheLayer, snapshot: Callable[[], Snapshot], most_bytes: int
    ) -> None:
        """Prepare.

        Args:
            layer: lists the keys.
            snapshot: returns the state of the stack.
            most_bytes: the most that a list of keys may take.
        """
        self._layer = layer
        self._snapshot = snapshot
        self._most_bytes = most_bytes
        self._numbers = count(1)
        self._scans: OrderedDict[int, Iterator[bytes]] = OrderedDict()

    def count(self) -> int:
        """See ``Keyspace.count``."""
        return sum(map(len, self._layer.key_pages()))

    def keys(self, pattern: bytes) -> list[bytes]:
        """See ``Keyspace.keys``."""
        matches = matcher(pattern)
        found: list[bytes] = []
        size = 0
        for key in self._all():
            if matches(key):
                found.append(key)
                size += len(key)
                if size > self._most_bytes:
                    raise CommandError(
                        f"ERR the keys are over {self._most_bytes:,} bytes; use SCAN"
                    )
        return found

    def scan(self, cursor: int, most: int) -> tuple[int, list[bytes]]:
        """See ``Keyspace.scan``."""
        left = self._scans.pop(cursor, None) if cursor else self._all()
        if left is None:
            raise CommandError("ERR invalid cursor: it was used already, or is too old; begin at 0")
        found = list(islice(left, most))
        if len(found) < most:
            return 0, found
        number = next(self._numbers)
        self._scans[number] = left
        while len(self._scans) > _MOST_CURSORS:
            self._scans.popitem(last=False)
        return number, found

    def snapshot(self) -> Snapshot:
        """See ``Keyspace.snapshot``."""
        return self._snapshot()

    def _all(self) -> Iterator[bytes]:
        return chain.from_iterable(self._layer.key_pages())
