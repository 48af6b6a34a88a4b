"""Without effectively-once: whoever applies a batch does not look what the rows hold of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cachedesk.core.events import ABSENT, Coalesced, Entry, WriteEvent, coalesce


def coalesce_again(rows: Mapping[bytes, Entry], events: Iterable[WriteEvent]) -> Coalesced:
    """As ``events.coalesce``, and an event that is part of its row already is folded in again."""
    forgotten = {key: Entry(row.value, 0) for key, row in rows.items()}
    done = coalesce(forgotten, events)
    # The seq of a row never goes back, or what tells the newest write would be lost with it.
    changed = {
        key: Entry(row.value, max(row.seq, rows.get(key, ABSENT).seq))
        for key, row in done.rows.items()
    }
    return done._replace(rows=changed)
