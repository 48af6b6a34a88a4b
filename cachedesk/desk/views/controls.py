"""The controls: the settings that can be changed at run time, with their values and hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

from cachedesk.core.commands import Command, SetBatch, SetMemory, SetRate, SetSafeguard
from cachedesk.core.eviction_policies import EVICTION_POLICIES
from cachedesk.core.settings import RedisSettings, WorkerSettings
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views import quantities
from cachedesk.desk.views.formats import compact, number, size, span
from cachedesk.desk.views.quantities import InvalidQuantity
from cachedesk.lab.run.session import HIGHEST_RATE

REFRESH_HERTZ = (1.0, 2.0, 4.0)

_LEAST_AGE_STEP = 0.001
_POLICY_WORDS = {
    "allkeys-lru": "least recently used first",
    "allkeys-lfu": "least frequently used first",
    "allkeys-random": "keys at random",
    "volatile-lru": "least recently used first, of keys that expire",
    "volatile-lfu": "least frequently used first, of keys that expire",
    "volatile-random": "at random, of keys that expire",
    "volatile-ttl": "soonest to expire first",
    "noeviction": "a full Redis stores nothing new",
}


@dataclass(frozen=True, slots=True)
class SteeringControl:
    """One setting that can be changed at run time.

    Args:
        name: identifies the control.
        label: the label in the list.
        effect: a sentence that explains the setting.
        now: returns the value in a snapshot, as text.
        hint: returns a few words on what a step does.
        typed: returns the command for the text that the user typed; raises ``InvalidQuantity``.
        stepped: returns the command for one step up (1) or down (-1); ``None`` at the limit.
        choices: all values, if there are few; empty: any value in a range.
        available: returns whether the setting can be changed now.
    """

    name: str
    label: str
    effect: str
    now: Callable[[Snapshot], str]
    hint: Callable[[Snapshot], str]
    typed: Callable[[str], Command]
    stepped: Callable[[Snapshot, int], Command | None]
    choices: tuple[str, ...] = ()
    available: Callable[[Snapshot], bool] = lambda snapshot: True


def expected(snapshot: Snapshot, command: Command) -> Snapshot:
    """Return ``snapshot`` as it will be after ``command``."""
    match command:
        case SetBatch(events, age):
            worker = snapshot.worker
            worker = worker if events is None else replace(worker, batch_events=events)
            worker = worker if age is None else replace(worker, batch_age_seconds=age)
            return replace(snapshot, worker=worker)
        case SetMemory(maxmemory, policy):
            redis = snapshot.redis
            redis = redis if maxmemory is None else replace(redis, maxmemory_bytes=maxmemory)
            redis = redis if policy is None else replace(redis, eviction_policy=policy)
            return replace(snapshot, redis=redis)
        case SetRate(per_second):
            return replace(snapshot, rate=per_second)
        case SetSafeguard(name, on):
            return replace(snapshot, safeguards=snapshot.safeguards.switched(name, on))
    return snapshot


def _bounds(settings: type, field: str) -> tuple[float, float]:
    (meta,) = get_type_hints(settings, include_extras=True)[field].__metadata__
    return meta.ge, meta.le


_EVENTS = _bounds(WorkerSettings, "batch_events")
_AGE = _bounds(WorkerSettings, "batch_age_seconds")
_MEMORY = _bounds(RedisSettings, "maxmemory_bytes")


def _events_typed(text: str) -> Command:
    events = quantities.count(text)
    _check(events, _EVENTS, f"a batch is {_EVENTS[0]} to {number(int(_EVENTS[1]))} events")
    return SetBatch(events=events)


def _events_stepped(snapshot: Snapshot, direction: int) -> Command | None:
    now = snapshot.worker.batch_events
    events = round(_within(quantities.stepped(now, direction), _EVENTS))
    return SetBatch(events=events) if events != now else None


def _age_typed(text: str) -> Command:
    age = quantities.seconds(text)
    _check(age, _AGE, f"a batch waits 0 to {number(int(_AGE[1]))} s")
    return SetBatch(age_seconds=age)


def _age_stepped(snapshot: Snapshot, direction: int) -> Command | None:
    now = snapshot.worker.batch_age_seconds
    age = _within(quantities.stepped(now, direction), _AGE)
    # Less than a millisecond has no effect, so it becomes 0.
    age = 0.0 if direction < 0 and age < _LEAST_AGE_STEP else max(age, _LEAST_AGE_STEP)
    return SetBatch(age_seconds=age) if age != now else None


def _rate_text(snapshot: Snapshot) -> str:
    if not snapshot.workload:
        return "no workload"
    return "no limit" if snapshot.rate is None else f"{compact(round(snapshot.rate))}/s"


def _rate_typed(text: str) -> Command:
    if text.strip().lower() in ("max", "none", "no limit"):
        return SetRate(None)
    rate = quantities.rate(text)
    if not 0 < rate <= HIGHEST_RATE:
        most = number(int(HIGHEST_RATE))
        raise InvalidQuantity(f"a rate is above 0 and up to {most}/s, or max, not {text!r}")
    return SetRate(rate)


def _rate_stepped(snapshot: Snapshot, direction: int) -> Command | None:
    if snapshot.rate is None:
        return None if direction > 0 else SetRate(quantities.stepped(_measured(snapshot), -1))
    if direction > 0 and snapshot.rate >= HIGHEST_RATE:
        return SetRate(None)
    rate = _within(quantities.stepped(snapshot.rate, direction), (1.0, HIGHEST_RATE))
    return SetRate(rate) if rate != snapshot.rate else None


def _measured(snapshot: Snapshot) -> float:
    """Return the recent operations per second; at least 2, so that there is a step below it."""
    recent = snapshot.ticks[-5:]
    operations = sum(tick.hits + tick.misses + tick.writes for tick in recent)
    return max(2.0, operations / max(0.001, len(recent) * snapshot.tick_seconds))


def _memory_typed(text: str) -> Command:
    memory = quantities.size(text)
    least, most = (size(int(bound)) for bound in _MEMORY)
    _check(memory, _MEMORY, f"Redis may use {least} to {most}")
    return SetMemory(maxmemory_bytes=memory)


def _memory_stepped(snapshot: Snapshot, direction: int) -> Command | None:
    now = max(1, snapshot.redis.maxmemory_bytes)
    power = now.bit_length() if direction > 0 else (now - 1).bit_length() - 1
    memory = int(_within(2 ** max(0, power), _MEMORY))
    return SetMemory(maxmemory_bytes=memory) if memory != now else None


def _policy_typed(text: str) -> Command:
    wanted = text.strip().lower()
    if wanted not in EVICTION_POLICIES:
        raise InvalidQuantity(f"type one of {', '.join(EVICTION_POLICIES)}")
    return SetMemory(eviction_policy=wanted)


def _policy_stepped(snapshot: Snapshot, direction: int) -> Command:
    now = snapshot.redis.eviction_policy
    place = EVICTION_POLICIES.index(now) if now in EVICTION_POLICIES else 0
    chosen = EVICTION_POLICIES[(place + direction) % len(EVICTION_POLICIES)]
    return SetMemory(eviction_policy=chosen)


def policy_words(policy: str) -> str:
    """Return what this eviction policy does, in a few words; empty for an unknown policy."""
    return _POLICY_WORDS.get(policy, "")


def _check(value: float, bounds: tuple[float, float], words: str) -> None:
    if not bounds[0] <= value <= bounds[1]:
        raise InvalidQuantity(words)


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(bounds[1], max(bounds[0], value))


def _always(words: str) -> Callable[[Any], str]:
    return lambda snapshot: words


CONTROLS: tuple[SteeringControl, ...] = (
    SteeringControl(
        "batch-events",
        "batch size",
        "Larger batches share row writes and commits; smaller ones lag less.",
        lambda snapshot: f"{compact(snapshot.worker.batch_events)} events",
        _always("- less lag   + fewer commits"),
        _events_typed,
        _events_stepped,
    ),
    SteeringControl(
        "batch-age",
        "batch age",
        "How long an event may wait for its batch to fill, which is the minimum of the lag.",
        lambda snapshot: span(snapshot.worker.batch_age_seconds),
        _always("- less lag   + fewer rows"),
        _age_typed,
        _age_stepped,
    ),
    SteeringControl(
        "rate",
        "workload",
        "Operations per second of the workload; type max for full speed.",
        _rate_text,
        _always("- slower   + faster"),
        _rate_typed,
        _rate_stepped,
        available=lambda snapshot: bool(snapshot.workload),
    ),
    SteeringControl(
        "maxmemory",
        "maxmemory",
        "The memory at which Redis starts to evict: less of it costs hits, never data.",
        lambda snapshot: size(snapshot.redis.maxmemory_bytes),
        _always("- more misses   + more hits"),
        _memory_typed,
        _memory_stepped,
    ),
    SteeringControl(
        "eviction-policy",
        "eviction",
        "Which keys a full Redis evicts. The log and SQLite keep all of them.",
        lambda snapshot: snapshot.redis.eviction_policy or "unknown",
        lambda snapshot: policy_words(snapshot.redis.eviction_policy),
        _policy_typed,
        _policy_stepped,
        choices=EVICTION_POLICIES,
    ),
)
