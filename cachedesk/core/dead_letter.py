"""Dead letters: accepted writes that could not be applied."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.events import Argument


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An accepted write that could not be applied.

    ``seq``: its id, as on its receipt. ``op``: ``"set"``, ``"incr"``, ``"delete"`` or
    ``"expire"``; ``arg``: the value, the amount, or ``None``. ``reason``: why it was refused, at
    the last of ``attempts``. ``at``: when it was accepted, in seconds since 1970. ``expires_at``:
    when the key expires from the write on; ``None``: never.
    """

    seq: int
    op: str
    key: bytes
    arg: Argument
    reason: str
    attempts: int
    at: float
    expires_at: float | None = None
