"""The hottest keys with their value in each place, for a snapshot."""

from __future__ import annotations

from collections import Counter

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.errors import CacheError, DatabaseError
from cachedesk.core.events import ABSENT
from cachedesk.core.policy import PolicyTable
from cachedesk.core.ports import CacheStore, SystemOfRecord
from cachedesk.core.snapshot import HotKey
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.overlay import OverlayReader
from cachedesk.observe.metrics import Metrics

HOT_KEYS = 50
_VALUE_BYTES = 256
_MOST_LETTERS = 1_000


class HotView:
    """Looks up the hottest keys."""

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
        self._overlay = OverlayReader(pending, database.peek)
        self._pending = pending
        self._metrics = metrics
        self._policies = policies

    def keys(self, dead: int, *, values: bool) -> tuple[HotKey, ...]:
        """Return the hottest keys.

        Args:
            dead: the number of dead letters.
            values: whether to read their values from the cache, which counts as a use of them.
        """
        hottest = self._metrics.hottest(HOT_KEYS)
        keys = [key for key, _ in hottest]
        # The head, the value after all pending events, is usually known: then they need no fold.
        heads = {key: self._pending.head(key) for key in keys}
        truths = self._overlay.read(keys)
        cached = self._cached(keys) if values else None
        letters = self._letters() if dead else Counter[bytes]()
        hot = []
        for key, uses in hottest:
            truth, head = truths[key], heads[key]
            row = (truth.row or ABSENT).as_of(truth.now)
            hot.append(
                HotKey(
                    key=key,
                    policy=self._policies.of(key).path.value,
                    uses=uses,
                    cached=_cut((cached or {}).get(key)),
                    cached_known=cached is not None,
                    pending=len(truth.ahead),
                    row=_cut(row.value),
                    row_known=truth.row is not None,
                    truth=_cut((truth.entry if head is None else head.as_of(truth.now)).value),
                    truth_known=head is not None or truth.known,
                    dead=letters[key],
                    unlogged=self._pending.unlogged(key),
                )
            )
        return tuple(hot)

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
    return None if value is None or value == ABSENT_MARK else value[:_VALUE_BYTES]
