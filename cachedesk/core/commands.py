"""Commands: what a user may ask of a running stack, as values.

A screen never calls into the stack's parts; it hands one of these to ``Control.perform`` on a
thread of its own and gets back a sentence that says what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EvictKey:
    """Evict one key from the cache; the truth keeps it."""

    key: bytes


@dataclass(frozen=True, slots=True)
class EvictAll:
    """Evict every key from the cache; the truth keeps them."""


@dataclass(frozen=True, slots=True)
class EvictMatching:
    """Evict every key that matches ``pattern`` (``views:*``) from the cache."""

    pattern: str


@dataclass(frozen=True, slots=True)
class EvictShare:
    """Evict a share of all keys from the cache, chosen at random; 0.25 is a quarter."""

    share: float


@dataclass(frozen=True, slots=True)
class Inject:
    """Inject the fault of this name, e.g. ``redis.kill``; a lasting one stays until it is healed.
    Some take an argument behind a colon: ``worker.crash:worker.ack.before``.

    ``seconds``: heal a lasting one after this long; ``None`` leaves it until somebody heals it."""

    fault: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Heal:
    """End the active fault of this name, or all of them."""

    fault: str | None = None


@dataclass(frozen=True, slots=True)
class PauseWorker:
    """Let the flush worker finish its batch and wait."""


@dataclass(frozen=True, slots=True)
class ResumeWorker:
    """Let a paused flush worker go on."""


@dataclass(frozen=True, slots=True)
class StepWorker:
    """Let a paused flush worker do exactly one batch."""


@dataclass(frozen=True, slots=True)
class SetBatch:
    """Change how the flush worker batches; ``None`` leaves a setting as it is."""

    events: int | None = None
    age_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SetMemory:
    """Change how much memory Redis may use, and how it chooses what to evict; ``None`` leaves a
    setting as it is. Holds until the stack is closed, also for a Redis that is started anew."""

    maxmemory_bytes: int | None = None
    eviction_policy: str | None = None


@dataclass(frozen=True, slots=True)
class SetRate:
    """Change how many operations a second the workload does; ``None``: as many as it can."""

    per_second: float | None


@dataclass(frozen=True, slots=True)
class SetSafeguard:
    """Switch the safeguard of this name (see ``safeguards``) on or off."""

    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Record every snapshot to this file from now on; ``None`` ends the recording."""

    path: str | None


Command = (
    EvictKey
    | EvictAll
    | EvictMatching
    | EvictShare
    | Inject
    | Heal
    | PauseWorker
    | ResumeWorker
    | StepWorker
    | SetBatch
    | SetMemory
    | SetRate
    | SetSafeguard
    | Record
)


class Control(Protocol):
    """Whoever carries commands out."""

    def perform(self, command: Command) -> str:
        """Carry ``command`` out and return one sentence that says what happened.

        Raises:
            CachedeskError: the command cannot be carried out now; the message says why.
        """
        ...
