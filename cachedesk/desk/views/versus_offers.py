"""What two stacks may differ in, from the present state of one: rows with a few values each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cachedesk.core.eviction_policies import EVICTION_POLICIES
from cachedesk.core.safeguards import LABELS, NAMES, WITHOUT
from cachedesk.core.settings import MEBIBYTE
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.formats import number, size
from cachedesk.desk.views.safeguard_controls import is_on, meaning

_MEMORY_SHARES = (8, 4, 2)
_LEAST_MEMORY = 2 * MEBIBYTE
_BATCHES = (1, 10, 100, 1_000, 10_000)
_PATHS = ("write-through", "write-behind")


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the right side: as it is shown, and as ``--versus`` takes it."""

    shown: str
    difference: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that may differ.

    Args:
        label: what it is, in a word or two.
        now: its present value, which the left side has.
        values: what the right side may have, the most telling first.
        sentence: what it does.
    """

    label: str
    now: str
    values: tuple[Value, ...]
    sentence: str


def offers(now: Snapshot, policies: Mapping[str, object]) -> tuple[Offer, ...]:
    """Return what two stacks may differ in, safeguards first.

    Args:
        now: the newest snapshot of the running stack.
        policies: maps its key patterns to policies.
    """
    every = (*_safeguards(now), _policy(policies), _memory(now), _eviction(now), _batch(now))
    return tuple(offer for offer in every if offer.values)


def _safeguards(now: Snapshot) -> Iterator[Offer]:
    for name in NAMES:
        on = is_on(now, name)
        other = "off" if on else "on"
        yield Offer(
            LABELS[name],
            "on" if on else "off",
            (Value(other, f"{name}={other}"),),
            f"A safeguard. {_effect(name, on=on)}",
        )


def _effect(name: str, *, on: bool) -> str:
    """Return what the right side does without this safeguard, or with it."""
    return f"Without it, {WITHOUT[name]}." if on else meaning(name, on=True)


def _policy(policies: Mapping[str, object]) -> Offer:
    values = [Value(path, f"policy={path}") for path in _PATHS]
    for pattern, path in policies.items():
        # A policy with an expiry would lose it: then more than the path would differ.
        other = _PATHS[1 - _PATHS.index(path)] if isinstance(path, str) else ""
        if other and "," not in pattern:
            values.append(Value(f"{pattern} {other}", f"policy={pattern}={other}"))
    return Offer(
        "policy",
        "by key pattern",
        tuple(values),
        "Which path a write takes: through the database, or the log first.",
    )


def _memory(now: Snapshot) -> Offer:
    bytes_now = now.redis.maxmemory_bytes
    parts = (bytes_now // share // MEBIBYTE * MEBIBYTE for share in _MEMORY_SHARES)
    wanted = [*parts, bytes_now * 2 // MEBIBYTE * MEBIBYTE] if bytes_now else []
    values = _distinct(
        Value(size(each), f"maxmemory={each // MEBIBYTE}mb")
        for each in wanted
        if each >= _LEAST_MEMORY and each != bytes_now
    )
    return Offer("maxmemory", size(bytes_now), values, "How much memory Redis may use.")


def _eviction(now: Snapshot) -> Offer:
    policy = now.redis.eviction_policy
    values = (Value(each, f"eviction={each}") for each in EVICTION_POLICIES if each != policy)
    return Offer(
        "eviction",
        policy,
        tuple(values) if policy else (),
        "Which keys a full Redis evicts.",
    )


def _batch(now: Snapshot) -> Offer:
    events = now.worker.batch_events
    values = (Value(number(each), f"batch={each}") for each in _BATCHES if each != events)
    return Offer(
        "batch",
        number(events),
        tuple(values) if events else (),
        "How many events the worker applies in one transaction.",
    )


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))
