"""The knobs: what can be changed while everything runs, each as a value with a few words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from cachedesk.desk import amounts
from cachedesk.desk.formats import compact, size, span
from cachedesk.engine.commands import Command, SetBatch, SetMemory, SetRate
from cachedesk.engine.settings import EvictionPolicy
from cachedesk.engine.snapshot import Snapshot

EVICTION_POLICIES: tuple[str, ...] = get_args(EvictionPolicy)
REFRESH_HERTZ = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting.

    ``now`` says its value in a snapshot, ``typed`` makes a command of what the user typed (it
    raises ``NotAnAmount``), ``stepped`` one of a step up (1) or down (-1) from there. ``effect``
    tells what it does to the stack; ``there`` whether it can be turned at all now.
    """

    name: str
    label: str
    effect: str
    now: Callable[[Snapshot], str]
    typed: Callable[[str], Command]
    stepped: Callable[[Snapshot, int], Command]
    there: Callable[[Snapshot], bool] = lambda snapshot: True


def _policy_typed(text: str) -> Command:
    wanted = text.strip().lower()
    for policy in EVICTION_POLICIES:
        if wanted == policy:
            return SetMemory(eviction_policy=policy)
    raise amounts.NotAnAmount(f"type one of {', '.join(EVICTION_POLICIES)}")


def _policy_stepped(snapshot: Snapshot, direction: int) -> Command:
    now = snapshot.redis.eviction_policy
    place = EVICTION_POLICIES.index(now) if now in EVICTION_POLICIES else 0
    chosen = EVICTION_POLICIES[(place + direction) % len(EVICTION_POLICIES)]
    return SetMemory(eviction_policy=chosen)


def _memory_stepped(snapshot: Snapshot, direction: int) -> Command:
    now = max(1, snapshot.redis.maxmemory_bytes)
    return SetMemory(maxmemory_bytes=now * 2 if direction > 0 else max(1, now // 2))


def _rate_said(snapshot: Snapshot) -> str:
    if not snapshot.workload:
        return "no workload"
    return "no limit" if snapshot.rate is None else f"{compact(round(snapshot.rate))}/s"


def _rate_typed(text: str) -> Command:
    if text.strip().lower() in ("none", "no limit", "max"):
        return SetRate(None)
    return SetRate(amounts.rate(text))


def _rate_stepped(snapshot: Snapshot, direction: int) -> Command:
    return SetRate(max(1.0, amounts.stepped(snapshot.rate or 1000.0, direction)))


def _events_stepped(snapshot: Snapshot, direction: int) -> Command:
    stepped = amounts.stepped(snapshot.worker.batch_events, direction)
    return SetBatch(events=max(1, round(stepped)))


def _age_stepped(snapshot: Snapshot, direction: int) -> Command:
    stepped = amounts.stepped(snapshot.worker.batch_age_seconds, direction)
    return SetBatch(age_seconds=0.0 if stepped < 0.001 else stepped)


def expected(snapshot: Snapshot, command: Command) -> Snapshot:
    """Return ``snapshot`` as it will be when ``command`` was carried out, as far as knobs go: a
    second step follows from the first, though no new snapshot has come between them."""
    match command:
        case SetBatch(int(events)):
            return replace(snapshot, worker=replace(snapshot.worker, batch_events=events))
        case SetBatch(_, float(age)):
            return replace(snapshot, worker=replace(snapshot.worker, batch_age_seconds=age))
        case SetMemory(int(limit)):
            return replace(snapshot, redis=replace(snapshot.redis, maxmemory_bytes=limit))
        case SetMemory(_, str(policy)):
            return replace(snapshot, redis=replace(snapshot.redis, eviction_policy=policy))
        case SetRate(per_second):
            return replace(snapshot, rate=per_second)
    return snapshot


KNOBS: tuple[Knob, ...] = (
    Knob(
        "batch-events",
        "batch size",
        "Larger batches: more events share a row write and a commit; the lag grows.",
        lambda snapshot: f"{compact(snapshot.worker.batch_events)} events",
        lambda text: SetBatch(events=amounts.count(text)),
        _events_stepped,
    ),
    Knob(
        "batch-age",
        "batch age",
        "How long an event may wait for a batch to fill: the least lag there is.",
        lambda snapshot: span(snapshot.worker.batch_age_seconds),
        lambda text: SetBatch(age_seconds=amounts.seconds(text)),
        _age_stepped,
    ),
    Knob(
        "rate",
        "workload",
        "Operations a second; type “max” for as many as it can.",
        _rate_said,
        _rate_typed,
        _rate_stepped,
        lambda snapshot: bool(snapshot.workload),
    ),
    Knob(
        "maxmemory",
        "maxmemory",
        "Where Redis begins to evict: less memory, more misses, no loss.",
        lambda snapshot: size(snapshot.redis.maxmemory_bytes),
        lambda text: SetMemory(maxmemory_bytes=amounts.size(text)),
        _memory_stepped,
    ),
    Knob(
        "eviction-policy",
        "eviction",
        "How Redis chooses what to evict; “noeviction” refuses to store instead.",
        lambda snapshot: snapshot.redis.eviction_policy or "unknown",
        _policy_typed,
        _policy_stepped,
    ),
)
