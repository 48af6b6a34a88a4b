"""Evidence: observations of a stack during a run, beyond what the ledger judges."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cachedesk.core.recorder import CallPath
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import DatabaseState, Event, Latencies, RedisState
from cachedesk.lab.run.timeline import Timeline
from cachedesk.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class Evidence:
    """Observations of a run.

    ``settings``: of the stack. ``was_new``: its data directory was empty before. ``redis`` and
    ``database``: their states when the load ended, before the drain. ``latencies``: of the whole
    run. ``rows``: row writes of the worker, in ``batches`` batches; ``through`` and ``behind``: the
    writes of each path. ``loads``: how often the database was read for a miss. ``timeline``: from
    the beginning of the load to the end of the drain. ``events``: the newest 200 events.
    """

    settings: Settings
    was_new: bool
    redis: RedisState
    database: DatabaseState
    latencies: Latencies
    rows: int
    batches: int
    through: int
    behind: int
    loads: int
    timeline: Timeline
    events: tuple[Event, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return its part of a run's JSON object."""
        return {
            "latency_seconds": {
                str(way): {
                    name: round(seconds, 6) if isinstance(seconds, float) else seconds
                    for name, seconds in asdict(getattr(self.latencies, way)).items()
                }
                for way in CallPath
            },
            "coalesced": {"events": self.behind, "rows": self.rows, "batches": self.batches},
            "redis": {
                "keys": self.redis.keys if self.redis.known else None,
                "evicted": self.redis.evicted,
                "memory_bytes": self.redis.memory_bytes if self.redis.known else None,
                "maxmemory_bytes": self.redis.maxmemory_bytes,
                "eviction_policy": self.redis.eviction_policy,
                "restarts": self.redis.restarts,
            },
        }


def gathered(
    stack: Stack,
    settings: Settings,
    redis: RedisState,
    database: DatabaseState,
    timeline: Timeline,
    *,
    was_new: bool,
) -> Evidence:
    """Return the evidence; the counters of ``stack`` can be read after it is closed, too."""
    metrics = stack.metrics
    writes = metrics.writes()
    return Evidence(
        settings=settings,
        was_new=was_new,
        redis=redis,
        database=database,
        latencies=metrics.latencies(total=True),
        rows=metrics.counted("rows"),
        batches=metrics.counted(CallPath.FLUSH),
        through=writes.through,
        behind=writes.behind,
        loads=metrics.reads().loads,
        timeline=timeline,
        events=stack.event_ring.events(),
    )
