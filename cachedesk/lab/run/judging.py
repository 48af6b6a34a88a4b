"""What the ledger is told before a run, and its verdict on the files after it."""

from __future__ import annotations

import time
from pathlib import Path

from cachedesk.admin.inspection import opened
from cachedesk.core.clock import wall_seconds
from cachedesk.core.policy import PolicyTable
from cachedesk.core.settings import Settings
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.listing import truth
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import Verdict

_KEYS_AT_ONCE = 1_000
_LOCK_SECONDS = 10.0
_NEWEST_SEQ = 2**63 - 1


def take_as_given(ledger: Ledger, layer: CacheLayer, settings: Settings) -> None:
    """Tell ``ledger`` every key with its value and its expiry, and the policies that may give one
    to what is written."""
    items = dict(layer.items())
    keys = list(items)
    deadlines: dict[bytes, float] = {}
    for first in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[first : first + _KEYS_AT_ONCE]
        ttls = layer.ttl_many(some)
        now = wall_seconds()
        deadlines |= {
            key: now + ttl for key, ttl in zip(some, ttls, strict=True) if ttl is not None
        }
    ledger.begin(items.items(), PolicyTable(settings.policies), deadlines)


def judge(ledger: Ledger, data: Path) -> Verdict:
    """Return the verdict of ``ledger`` on the closed data directory ``data``."""
    with opened(data) as state:
        with state.database.transaction(time.monotonic() + _LOCK_SECONDS) as transaction:
            dead = transaction.dead_between(0, _NEWEST_SEQ)
        return ledger.verdict(
            pending={event.seq for key in state.pending.all().values() for event in key},
            dead=dead,
            items=truth(state.pending, state.database),
            row_seq=lambda key: state.database.read(key).seq,
        )
