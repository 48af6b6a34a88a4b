"""The kinds of fault of the embedded stores, available without opening a store."""

from __future__ import annotations

from cachedesk.stores.queue_log.log_faults import KINDS as LOG
from cachedesk.stores.redis.redis_faults import KINDS as CACHE
from cachedesk.stores.sqlite.database_faults import KINDS as DATABASE

__all__ = ["CACHE", "DATABASE", "LOG"]
