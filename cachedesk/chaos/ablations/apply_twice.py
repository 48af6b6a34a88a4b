"""Without effectively-once: a batch is applied without a check of which events the rows hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cachedesk.core.events import ABSENT, Coalesced, Entry, WriteEvent, coalesce


def coalesce_again(rows: Mapping[bytes, Entry], events: Iterable[WriteEvent]) -> Coalesced:
    """Like ``events.coalesce``, but fold events that are part of their row already in again."""
    forgotten = {key: row._replace(seq=0) for key, row in rows.items()}
    done = coalesce(forgotten, events)
    # The seq of a row must not decrease, because it identifies the newest write in the row.
    changed = {
        key: row._replace(seq=max(row.seq, rows.get(key, ABSENT).seq))
        for key, row in done.rows.items()
    }
    return done._replace(rows=changed)
