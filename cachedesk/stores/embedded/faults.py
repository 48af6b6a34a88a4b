"""The kinds of fault that the embedded stores offer, listed without opening any of them."""

from __future__ import annotations

from cachedesk.stores.queue_log.log_faults import KINDS as LOG
from cachedesk.stores.redis.redis_faults import KINDS as CACHE
from cachedesk.stores.sqlite.database_faults import KINDS as DATABASE

__all__ = ["CACHE", "DATABASE", "LOG"]
