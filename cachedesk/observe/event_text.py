"""The English text of each event: one line for a screen, a report or a log.

Only this module turns events into text; see ``core.engine_event``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cachedesk.core.engine_event import EventCode, Fields, Plain
from cachedesk.core.eviction_policies import EXPIRING_WARNING, NOEVICTION_WARNING
from cachedesk.core.safeguards import TITLES, WITHOUT
from cachedesk.core.wording import count_of, span


def text_of(code: EventCode, fields: Fields) -> str:
    """Return the text of an event.

    Args:
        code: what happened.
        fields: the details, as ``SPECS`` lists them.
    """
    template = _TEXTS[code]
    return template.format_map(fields) if isinstance(template, str) else template(fields)


def _audit_diverged(fields: Fields) -> str:
    truth = "absent" if fields["truth"] is None else fields["truth"]
    then = "; it was evicted from Redis, and the next read repairs it" if fields["evicted"] else ""
    return f"{fields['key']} diverged: Redis held {fields['cached']}, the truth is {truth}{then}"


def _audit_more_diverged(fields: Fields) -> str:
    then = "; they were evicted" if fields["evicted"] else ""
    return f"{fields['count']:,} more keys diverged{then}"


def _failpoints_armed(fields: Fields) -> str:
    return f"failpoints are armed: {_joined(fields['points'])}"


def _fault_injected(fields: Fields) -> str:
    seconds = fields["seconds"]
    return str(fields["result"]) if seconds is None else f"{fields['result']} (for {seconds:g} s)"


def _fault_healed(fields: Fields) -> str:
    return _joined(fields["faults"])


def _fault_impact(fields: Fields) -> str:
    unavailable, before, after = (
        _count(fields[name]) for name in ("unavailable", "depth_before", "depth_after")
    )
    number = f"{unavailable:,}" if unavailable else "no"
    caused = [f"{number} call{'' if unavailable == 1 else 's'} unavailable"]
    if fields["refused"]:
        caused.append(f"{fields['refused']:,} refused")
    if fields["evicted"]:
        caused.append(f"{fields['evicted']:,} keys evicted by Redis itself")
    if after > before:
        caused.append(f"the log grew from {before:,} to {after:,} events")
    return f"{fields['fault']} lasted {fields['seconds']:.1f} s: {', '.join(caused)}"


def _log_recovered(fields: Fields) -> str:
    stop = "an unclean stop" if fields["unclean"] else "the last stop"
    return (
        f"recovered {fields['events']:,} pending events after {stop}, 0 lost,"
        f" {fields['seconds']:.2f} s"
    )


def _redis_started(fields: Fields) -> str:
    how = "has started" if fields["verified"] is None else "starts warm"
    return f"Redis {how} after {_span(fields)}: {_admitted(fields)}"


def _redis_back(fields: Fields) -> str:
    return f"Redis is back after {_span(fields)}: {_admitted(fields)}"


def _redis_bypassed(fields: Fields) -> str:
    return f"{fields['reason']}; it was bypassed for {_span(fields)} ({_admitted(fields)})"


def _redis_died(fields: Fields) -> str:
    return f"Redis died; {_SUCCESSORS[str(fields['successor'])]} is started"


def _redis_key_evicted(fields: Fields) -> str:
    how = "was evicted from Redis" if fields["found"] else "was not in Redis"
    return f"{fields['key']} {how}"


def _safeguard_switched(fields: Fields) -> str:
    name = str(fields["name"])
    return f"on: {TITLES[name]}" if fields["on"] else f"{name} is off: {WITHOUT[name]}"


def _unlogged_writes_lost(fields: Fields) -> str:
    count = _count(fields["count"])
    them = "it" if count == 1 else "them"
    return f"{_lost(count)}, Redis did not keep {them}: {_ids(fields, count)}"


def _unlogged_writes_timed_out(fields: Fields) -> str:
    count = _count(fields["recent"])
    why = "Redis did not answer in time and the log is off"
    return f"{_lost(count)}, {why}: {_ids(fields, count)}"


def _lost(count: int) -> str:
    return f"{count:,} acknowledged {'write is' if count == 1 else 'writes are'} lost"


def _ids(fields: Fields, count: int) -> str:
    seqs = fields["seqs"]
    assert isinstance(seqs, tuple)
    more = f" and {count - len(seqs):,} more" if count > len(seqs) else ""
    return " ".join(f"#{seq}" for seq in seqs) + more


def _worker_redelivered(fields: Fields) -> str:
    return (
        f"after the worker's crash at {fields['point']}:"
        f" {count_of(_count(fields['events']), 'event')} delivered again,"
        f" {fields['already_applied']:,} of them part of their rows already"
    )


def _worker_paused(fields: Fields) -> str:
    fills = "write-behind fills the log" if fields["logged"] else "dirty keys are not copied"
    return f"the worker is paused; {fills}"


def _workload_rate_set(fields: Fields) -> str:
    per_second = fields["per_second"]
    if per_second is None:
        return "the workload does as many operations as it can"
    return f"the workload does {per_second:,.10g} operations a second"


_SUCCESSORS = {
    "old_snapshot": "one with an old snapshot",
    "last_snapshot": "one with its last snapshot",
    "empty": "a new, empty one",
}

_TEXTS: Mapping[EventCode, str | Callable[[Fields], str]] = {
    EventCode.AUDIT_DIVERGED: _audit_diverged,
    EventCode.AUDIT_MORE_DIVERGED: _audit_more_diverged,
    EventCode.AUDIT_FAILED: "the auditor failed: {error}",
    EventCode.CLOCK_BEHIND: (
        "the machine's clock is {seconds:,.0f} s behind the newest write in this directory; time"
        " begins at that write, so that expired keys stay absent"
    ),
    EventCode.DATABASE_REFUSED: (
        "the database refuses event {seq}: {reason}; the other keys go on, it is tried"
        " {max_attempts} times"
    ),
    EventCode.DATABASE_CANNOT_TRIM: "deleted keys cannot be trimmed: {error}",
    EventCode.DATABASE_CANNOT_PURGE: "expired keys cannot be purged: {error}",
    EventCode.DEAD_LETTER_ADDED: "event {seq} is a dead letter: {reason}",
    EventCode.DEAD_LETTER_MORE_ADDED: "{count:,} more events are dead letters",
    EventCode.DEAD_LETTER_REPLAYED: "dead letter {seq} was replayed as write {new_seq}",
    EventCode.DEAD_LETTER_DROPPED: "dead letter {seq} ({op} {key}) was dropped for good",
    EventCode.EVENTS_DROPPED: "{count:,} events were not logged: log handlers are too slow",
    EventCode.FAILPOINTS_ARMED: _failpoints_armed,
    EventCode.FAULT_INJECTED: _fault_injected,
    EventCode.FAULT_HEALED: _fault_healed,
    EventCode.FAULT_EXPIRED: "{fault}, its time was up",
    EventCode.FAULT_ENDED: "{fault} is over: {reason}",
    EventCode.FAULT_DISARMED: "{fault} was disarmed: {point} was not reached",
    EventCode.FAULT_IMPACT: _fault_impact,
    EventCode.FILES_CHANGED: (
        "{trouble}; writes that need it are refused: put it back, or close and restore a backup"
    ),
    EventCode.FILES_BACK: "the files of the data directory are back",
    EventCode.LOG_RECOVERED: _log_recovered,
    EventCode.RECORDING_STARTED: "recording to {path}",
    EventCode.RECORDING_STOPPED: "recorded {result}",
    EventCode.RECORDING_FAILED: "the recording ended: {reason}",
    EventCode.REDIS_STARTED: _redis_started,
    EventCode.REDIS_DIED: _redis_died,
    EventCode.REDIS_KEEPS_DYING: "Redis dies soon after each start; it is retried",
    EventCode.REDIS_HUNG: "Redis hangs; it is killed and started again",
    EventCode.REDIS_BACK: _redis_back,
    EventCode.REDIS_BYPASSED: _redis_bypassed,
    EventCode.REDIS_SUPERVISOR_FAILED: "the Redis supervisor failed: {error}",
    EventCode.REDIS_CLOCK_SET_BACK: (
        "the machine's clock was set back by {seconds:,.1f} s: {evicted:,} copies were dropped,"
        " because Redis uses that clock for deadlines"
    ),
    EventCode.REDIS_ORPHAN_STOPPED: "a redis-server that was left behind was stopped",
    EventCode.REDIS_NOEVICTION: NOEVICTION_WARNING,
    EventCode.REDIS_EVICTS_EXPIRING: EXPIRING_WARNING,
    EventCode.REDIS_LIMITS_SET: "{result}",
    EventCode.REDIS_KEY_EVICTED: _redis_key_evicted,
    EventCode.REDIS_PATTERN_EVICTED: (
        "{evicted:,} keys that match {pattern} were evicted from Redis; {kept_by}"
    ),
    EventCode.REDIS_SHARE_EVICTED: (
        "{evicted:,} of {keys:,} keys, chosen at random, were evicted from Redis; {kept_by}"
    ),
    EventCode.SAFEGUARD_SWITCHED: _safeguard_switched,
    EventCode.UNLOGGED_WRITES_LOST: _unlogged_writes_lost,
    EventCode.UNLOGGED_WRITES_TIMED_OUT: _unlogged_writes_timed_out,
    EventCode.UNLOGGED_WRITES_CANNOT_COPY: "dirty keys cannot be copied: {error}",
    EventCode.WORKER_CRASHED: (
        "the worker crashed at {point} with {in_flight:,} events in flight; they are still in the"
        " log"
    ),
    EventCode.WORKER_RESTARTED: "the worker is started again",
    EventCode.WORKER_REDELIVERED: _worker_redelivered,
    EventCode.WORKER_CANNOT_FLUSH: "the worker cannot flush: {error}",
    EventCode.WORKER_FLUSHES_AGAIN: "the worker flushes again",
    EventCode.WORKER_PAUSED: _worker_paused,
    EventCode.WORKER_RESUMED: "the worker goes on",
    EventCode.WORKER_STEPPED: "the worker flushes one batch",
    EventCode.WORKER_BATCH_SET: "a batch is {events:,} events or {age_seconds:g} s",
    EventCode.WORKLOAD_RATE_SET: _workload_rate_set,
    EventCode.WORKLOAD_FAILED: "the {workload} ended: {error}",
}


def _admitted(fields: Fields) -> str:
    """Return what was done to the keys in Redis before it was used, and how many it had lost."""
    dropped = f"{count_of(_count(fields['dropped']), 'key')} dropped"
    if fields["trusted"]:
        text = f"what it holds is believed, {dropped}"
    elif fields["verified"] is not None:
        verified = _count(fields["verified"])
        agree = "key agrees" if verified == 1 else "keys agree"
        text = f"{verified:,} {agree} with the truth, {dropped}"
    else:
        text = "empty" if fields["emptied"] else dropped
    lost = _count(fields["lost"])
    if lost <= 0:
        return text
    about = "about " if fields["lost_is_estimate"] else ""
    keys = "key was" if lost == 1 else "keys were"
    return f"{text}; {about}{lost:,} {keys} lost from it, {fields['kept_by']}"


def _span(fields: Fields) -> str:
    seconds = fields["seconds"]
    assert isinstance(seconds, float | int)
    return span(seconds)


def _count(value: Plain) -> int:
    assert isinstance(value, int)
    return value


def _joined(names: Plain) -> str:
    assert isinstance(names, tuple)
    return ", ".join(map(str, names))
