"""Commands: what a user can ask of a running stack, as values.

A screen never calls the stack's parts. It passes a command to ``Control.perform`` on a separate
thread and gets a sentence that describes the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EvictKey:
    """Evict one key from the cache; the database and the log still hold it."""

    key: bytes


@dataclass(frozen=True, slots=True)
class EvictAll:
    """Evict every key from the cache; the database and the log still hold them."""


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
    """Inject the fault of this name, e.g. ``redis.kill``; a lasting fault stays until it is healed.
    Some take an argument after a colon: ``worker.crash:worker.ack.before``.

    ``seconds``: heal a lasting fault after this time; ``None``: it stays until it is healed."""

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
    """Change how the flush worker batches; ``None`` keeps a setting."""

    events: int | None = None
    age_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SetMemory:
    """Change how much memory Redis may use, and its eviction policy; ``None`` keeps a setting.
    It holds until the stack is closed, also after a restart of Redis."""

    maxmemory_bytes: int | None = None
    eviction_policy: str | None = None


@dataclass(frozen=True, slots=True)
class SetRate:
    """Change the rate of the workload in operations per second; ``None``: no limit."""

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


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Mark the moment ``at`` (seconds since 1970) with this number, for recordings."""

    number: int
    at: float


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
    | Bookmark
)


class Control(Protocol):
    """Carries out commands: a live stack, or a lab session."""

    def perform(self, command: Command) -> str:
        """Carry out ``command`` and return one sentence that describes the result.

        Raises:
            CachedeskError: the command cannot be carried out now; the message gives the reason.
        """
        ...
