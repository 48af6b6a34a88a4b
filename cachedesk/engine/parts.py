"""The parts of an open stack, as one frozen value that the paths, the worker and the survey are
built from. Each takes what it needs in its constructor; nothing in here is ever replaced."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from cachedesk.engine.backlog import Backlog
from cachedesk.engine.cache import Cache
from cachedesk.engine.chronicle import Chronicle
from cachedesk.engine.database import Database
from cachedesk.engine.failpoints import Failpoints
from cachedesk.engine.fence import KeyFence
from cachedesk.engine.freshness import Versions
from cachedesk.engine.journal import Journal
from cachedesk.engine.log import WriteBehindLog
from cachedesk.engine.metrics import Metrics
from cachedesk.engine.pending import Pending
from cachedesk.engine.policy import PolicyTable
from cachedesk.engine.redis_keeper import RedisKeeper
from cachedesk.engine.settings import Settings
from cachedesk.engine.writes import Observer


@dataclass(frozen=True, slots=True)
class Parts:
    """``seqs`` gives every accepted write of the data directory its number."""

    settings: Settings
    policies: PolicyTable
    cache: Cache
    keeper: RedisKeeper
    log: WriteBehindLog
    pending: Pending
    backlog: Backlog
    database: Database
    seqs: itertools.count[int]
    fence: KeyFence
    versions: Versions
    metrics: Metrics
    chronicle: Chronicle
    observer: Observer
    journal: Journal
    failpoints: Failpoints
