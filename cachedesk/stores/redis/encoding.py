"""What may be kept in Redis, and the command that puts it there."""

from __future__ import annotations

# A longer value is served by the database: moving it would take most of the timeout.
CACHEABLE_BYTES = 1024 * 1024


def as_command(key: bytes, value: bytes | None) -> tuple[bytes, ...]:
    """Return the command that makes Redis hold ``value``; ``None``, or one too long: drop it."""
    if value is None or len(value) > CACHEABLE_BYTES:
        return (b"UNLINK", key)
    return (b"SET", key, value)
