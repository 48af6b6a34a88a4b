"""Engine events: rare facts as a code and plain values. A viewer makes the text.

The meaning of a code never changes. Fields may be added to it, and are never renamed or removed,
so a log handler, an exporter or a test can rely on both. The English text of a code is in
``observe.event_text``; it may be reworded at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from cachedesk.core.snapshot import EventKind

Plain: TypeAlias = str | int | float | bool | tuple[str, ...] | tuple[int, ...] | None
"""The types of a field's value."""

Fields: TypeAlias = Mapping[str, Plain]


class EventCode(StrEnum):
    """The kinds of event. The word before the dot names the part that is affected."""

    AUDIT_DIVERGED = "audit.diverged"
    AUDIT_MORE_DIVERGED = "audit.more_diverged"
    AUDIT_FAILED = "audit.failed"
    CLOCK_BEHIND = "clock.behind"
    DATABASE_REFUSED = "database.refused"
    DATABASE_CANNOT_TRIM = "database.cannot_trim"
    DATABASE_CANNOT_PURGE = "database.cannot_purge"
    DEAD_LETTER_ADDED = "dead_letter.added"
    DEAD_LETTER_MORE_ADDED = "dead_letter.more_added"
    DEAD_LETTER_REPLAYED = "dead_letter.replayed"
    DEAD_LETTER_DROPPED = "dead_letter.dropped"
    EVENTS_DROPPED = "events.dropped"
    FAILPOINTS_ARMED = "failpoints.armed"
    FAULT_INJECTED = "fault.injected"
    FAULT_HEALED = "fault.healed"
    FAULT_EXPIRED = "fault.expired"
    FAULT_ENDED = "fault.ended"
    FAULT_DISARMED = "fault.disarmed"
    FAULT_IMPACT = "fault.impact"
    FILES_CHANGED = "files.changed"
    FILES_BACK = "files.back"
    LOG_RECOVERED = "log.recovered"
    RECORDING_STARTED = "recording.started"
    RECORDING_STOPPED = "recording.stopped"
    RECORDING_FAILED = "recording.failed"
    REDIS_STARTED = "redis.started"
    REDIS_DIED = "redis.died"
    REDIS_KEEPS_DYING = "redis.keeps_dying"
    REDIS_HUNG = "redis.hung"
    REDIS_BACK = "redis.back"
    REDIS_BYPASSED = "redis.bypassed"
    REDIS_SUPERVISOR_FAILED = "redis.supervisor_failed"
    REDIS_ORPHAN_STOPPED = "redis.orphan_stopped"
    REDIS_CLOCK_SET_BACK = "redis.clock_set_back"
    REDIS_NOEVICTION = "redis.noeviction"
    REDIS_EVICTS_EXPIRING = "redis.evicts_expiring"
    REDIS_LIMITS_SET = "redis.limits_set"
    REDIS_KEY_EVICTED = "redis.key_evicted"
    REDIS_PATTERN_EVICTED = "redis.pattern_evicted"
    REDIS_SHARE_EVICTED = "redis.share_evicted"
    SAFEGUARD_SWITCHED = "safeguard.switched"
    UNLOGGED_WRITES_LOST = "unlogged_writes.lost"
    UNLOGGED_WRITES_TIMED_OUT = "unlogged_writes.timed_out"
    UNLOGGED_WRITES_CANNOT_COPY = "unlogged_writes.cannot_copy"
    WORKER_CRASHED = "worker.crashed"
    WORKER_RESTARTED = "worker.restarted"
    WORKER_REDELIVERED = "worker.redelivered"
    WORKER_CANNOT_FLUSH = "worker.cannot_flush"
    WORKER_FLUSHES_AGAIN = "worker.flushes_again"
    WORKER_PAUSED = "worker.paused"
    WORKER_RESUMED = "worker.resumed"
    WORKER_STEPPED = "worker.stepped"
    WORKER_BATCH_SET = "worker.batch_set"
    WORKLOAD_RATE_SET = "workload.rate_set"
    WORKLOAD_FAILED = "workload.failed"


class EventSpec(NamedTuple):
    """What all events of a code share: the kind, the names of the fields, and a topic if many
    events in a short time are shown as one."""

    kind: EventKind
    fields: tuple[str, ...] = ()
    topic: str = ""


_INFO, _FAULT, _ERROR = EventKind.INFO, EventKind.FAULT, EventKind.ERROR
_HEALED, _RECOVERY = EventKind.HEALED, EventKind.RECOVERY
_ADMITTED = (
    "seconds", "emptied", "dropped", "verified", "trusted", "lost", "lost_is_estimate", "kept_by"
)  # fmt: skip

SPECS: Mapping[EventCode, EventSpec] = {
    EventCode.AUDIT_DIVERGED: EventSpec(_ERROR, ("key", "cached", "truth", "evicted")),
    EventCode.AUDIT_MORE_DIVERGED: EventSpec(_ERROR, ("count", "evicted")),
    EventCode.AUDIT_FAILED: EventSpec(_ERROR, ("error",)),
    EventCode.CLOCK_BEHIND: EventSpec(_ERROR, ("seconds",)),
    EventCode.DATABASE_REFUSED: EventSpec(_ERROR, ("seq", "reason", "max_attempts")),
    EventCode.DATABASE_CANNOT_TRIM: EventSpec(_ERROR, ("error",)),
    EventCode.DATABASE_CANNOT_PURGE: EventSpec(_ERROR, ("error",)),
    EventCode.DEAD_LETTER_ADDED: EventSpec(_ERROR, ("seq", "reason")),
    EventCode.DEAD_LETTER_MORE_ADDED: EventSpec(_ERROR, ("count",)),
    EventCode.DEAD_LETTER_REPLAYED: EventSpec(_INFO, ("seq", "new_seq")),
    EventCode.DEAD_LETTER_DROPPED: EventSpec(_INFO, ("seq", "op", "key")),
    EventCode.EVENTS_DROPPED: EventSpec(_ERROR, ("count",)),
    EventCode.FAILPOINTS_ARMED: EventSpec(_FAULT, ("points",)),
    EventCode.FAULT_INJECTED: EventSpec(_FAULT, ("fault", "argument", "seconds", "result")),
    EventCode.FAULT_HEALED: EventSpec(_HEALED, ("faults",)),
    EventCode.FAULT_EXPIRED: EventSpec(_HEALED, ("fault",)),
    EventCode.FAULT_ENDED: EventSpec(_INFO, ("fault", "reason")),
    EventCode.FAULT_DISARMED: EventSpec(_HEALED, ("fault", "point")),
    EventCode.FAULT_IMPACT: EventSpec(
        _INFO,
        ("fault", "seconds", "unavailable", "refused", "evicted", "depth_before", "depth_after"),
    ),
    EventCode.FILES_CHANGED: EventSpec(_ERROR, ("trouble",)),
    EventCode.FILES_BACK: EventSpec(_HEALED),
    EventCode.LOG_RECOVERED: EventSpec(_RECOVERY, ("events", "unclean", "seconds")),
    EventCode.RECORDING_STARTED: EventSpec(_INFO, ("path",)),
    EventCode.RECORDING_STOPPED: EventSpec(_INFO, ("path", "records", "seconds", "result")),
    EventCode.RECORDING_FAILED: EventSpec(_ERROR, ("reason",)),
    EventCode.REDIS_STARTED: EventSpec(_RECOVERY, _ADMITTED),
    EventCode.REDIS_DIED: EventSpec(_ERROR, ("successor",)),
    EventCode.REDIS_KEEPS_DYING: EventSpec(_ERROR),
    EventCode.REDIS_HUNG: EventSpec(_ERROR),
    EventCode.REDIS_BACK: EventSpec(_HEALED, _ADMITTED),
    EventCode.REDIS_BYPASSED: EventSpec(_INFO, ("reason", *_ADMITTED), topic="bypass"),
    EventCode.REDIS_SUPERVISOR_FAILED: EventSpec(_ERROR, ("error",)),
    EventCode.REDIS_ORPHAN_STOPPED: EventSpec(_RECOVERY),
    EventCode.REDIS_CLOCK_SET_BACK: EventSpec(_INFO, ("seconds", "evicted")),
    EventCode.REDIS_NOEVICTION: EventSpec(_INFO),
    EventCode.REDIS_EVICTS_EXPIRING: EventSpec(_INFO, ("eviction_policy",)),
    EventCode.REDIS_LIMITS_SET: EventSpec(_INFO, ("maxmemory_bytes", "eviction_policy", "result")),
    EventCode.REDIS_KEY_EVICTED: EventSpec(_INFO, ("key", "found")),
    EventCode.REDIS_PATTERN_EVICTED: EventSpec(_INFO, ("pattern", "evicted", "kept_by")),
    EventCode.REDIS_SHARE_EVICTED: EventSpec(_INFO, ("evicted", "keys", "kept_by")),
    EventCode.SAFEGUARD_SWITCHED: EventSpec(_INFO, ("name", "on")),
    EventCode.UNLOGGED_WRITES_LOST: EventSpec(_ERROR, ("count", "seqs")),
    EventCode.UNLOGGED_WRITES_TIMED_OUT: EventSpec(
        _ERROR, ("count", "recent", "seqs"), topic="timeout"
    ),
    EventCode.UNLOGGED_WRITES_CANNOT_COPY: EventSpec(_ERROR, ("error",)),
    EventCode.WORKER_CRASHED: EventSpec(_ERROR, ("point", "in_flight")),
    EventCode.WORKER_RESTARTED: EventSpec(_RECOVERY),
    EventCode.WORKER_REDELIVERED: EventSpec(_RECOVERY, ("point", "events", "already_applied")),
    EventCode.WORKER_CANNOT_FLUSH: EventSpec(_ERROR, ("error",)),
    EventCode.WORKER_FLUSHES_AGAIN: EventSpec(_HEALED),
    EventCode.WORKER_PAUSED: EventSpec(_INFO, ("logged",)),
    EventCode.WORKER_RESUMED: EventSpec(_INFO),
    EventCode.WORKER_STEPPED: EventSpec(_INFO),
    EventCode.WORKER_BATCH_SET: EventSpec(_INFO, ("events", "age_seconds")),
    EventCode.WORKLOAD_RATE_SET: EventSpec(_INFO, ("per_second",)),
    EventCode.WORKLOAD_FAILED: EventSpec(_ERROR, ("workload", "error")),
}


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One rare fact.

    Args:
        code: what happened.
        fields: the details, with the names that ``SPECS`` lists for the code.
        at: when it happened, in seconds since 1970.
    """

    code: EventCode
    fields: Fields = field(default_factory=dict)
    at: float = 0.0

    @property
    def kind(self) -> EventKind:
        """The kind of the event."""
        return SPECS[self.code].kind

    @property
    def topic(self) -> str:
        """The topic under which repeated events are shown as one; empty: each is shown."""
        return SPECS[self.code].topic
