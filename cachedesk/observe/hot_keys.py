"""The hottest keys with their value in each place, as a snapshot shows them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from operator import attrgetter

from cachedesk.core.errors import CacheError, DatabaseError
from cachedesk.core.events import ABSENT, Entry, fold, is_absolute
from cachedesk.core.policy import PolicyTable
from cachedesk.core.ports import CacheStore, SystemOfRecord
from cachedesk.core.snapshot import HotKey
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.observe.metrics import Metrics

HOT_KEYS = 50
_VALUE_BYTES = 256
_MOST_LETTERS = 1_000


class HotView:
    """Looks up the hottest keys. What the pending events of a key come to is known, as a rule, and
    then they need not be gone through one by one."""

    def __init__(
        self,
        *,
        cache: CacheStore,
        pending: PendingEvents,
        database: SystemOfRecord,
        metrics: Metrics,
        policies: PolicyTable,
    ) -> None:
        self._cache = cache
        self._database = database
        self._pending = pending
        self._metrics = metrics
        self._policies = policies

    def keys(self, dead: int) -> tuple[HotKey, ...]:
        """Return the hottest keys; ``dead`` is how many dead letters there are."""
        hottest = self._metrics.hottest(HOT_KEYS)
        keys = [key for key, _ in hottest]
        # In the order of a repair: what is pending first, the rows second.
        waiting = {key: self._pending.waiting(key) for key in keys}
        rows = self._rows(keys)
        cached = self._cached(keys)
        letters = self._letters() if dead else Counter[bytes]()
        hot = []
        for key, uses in hottest:
            events, head = waiting[key]
            row = (rows or {}).get(key, ABSENT)
            hot.append(
                HotKey(
                    key=key,
                    policy=self._policies.of(key).value,
                    uses=uses,
                    cached=_cut((cached or {}).get(key)),
                    cached_known=cached is not None,
                    pending=len(events) - bisect_right(events, row.seq, key=attrgetter("seq")),
                    row=_cut(row.value),
                    row_known=rows is not None,
                    truth=_cut((head or fold(row, events)).value),
                    truth_known=head is not None or rows is not None or is_absolute(events),
                    dead=letters[key],
                    unlogged=self._pending.unlogged(key),
                )
            )
        return tuple(hot)

    def _rows(self, keys: list[bytes]) -> dict[bytes, Entry] | None:
        try:
            return self._database.peek(keys)
        except DatabaseError:
            return None

    def _cached(self, keys: list[bytes]) -> dict[bytes, bytes | None] | None:
        try:
            return dict(zip(keys, self._cache.get_many(keys), strict=True))
        except CacheError:
            return None

    def _letters(self) -> Counter[bytes]:
        try:
            return Counter(letter.key for letter in self._database.letters(_MOST_LETTERS))
        except DatabaseError:
            return Counter()


def _cut(value: bytes | None) -> bytes | None:
    return value[:_VALUE_BYTES] if value is not None else None
