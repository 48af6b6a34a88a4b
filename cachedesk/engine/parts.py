"""The parts of an open stack, as one frozen value that the paths, the worker and the survey are
built from. Each takes what it needs in its constructor; nothing in here is ever replaced."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from cachedesk.core.failpoints import Failpoints
from cachedesk.core.policy import PolicyTable
from cachedesk.core.settings import Settings
from cachedesk.core.writes import Observer
from cachedesk.engine.backlog import Backlog
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.pending_events import PendingEvents
from cachedesk.observe.event_ring import EventRing
from cachedesk.observe.metrics import Metrics
from cachedesk.observe.recent_writes import RecentWrites
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.supervisor import RedisSupervisor
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase


@dataclass(frozen=True, slots=True)
class Parts:
    """``seqs`` gives every accepted write of the data directory its number."""

    settings: Settings
    policies: PolicyTable
    cache: RedisCache
    keeper: RedisSupervisor
    log: QueueLog
    pending: PendingEvents
    backlog: Backlog
    database: SqliteDatabase
    seqs: itertools.count[int]
    fence: KeyLocks
    versions: KeyVersions
    metrics: Metrics
    chronicle: EventRing
    observer: Observer
    journal: RecentWrites
    failpoints: Failpoints
