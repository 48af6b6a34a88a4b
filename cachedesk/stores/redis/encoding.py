"""What may be kept in Redis, and the command that puts it there."""

from __future__ import annotations

from cachedesk.core.ports import CACHEABLE_BYTES


def as_command(key: bytes, value: bytes | None) -> tuple[bytes, ...]:
    """Return the command that makes Redis hold ``value``; ``None``, or one too long: drop it."""
    if value is None or len(value) > CACHEABLE_BYTES:
        return (b"UNLINK", key)
    return (b"SET", key, value)
