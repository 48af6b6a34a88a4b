"""The limits of a server: what one client may ask for, keep waiting, or leave unread."""

from __future__ import annotations

from dataclasses import dataclass

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that keep one client from using up the memory of the server.

    ``clients``: connections at a time. ``argument_bytes``, ``arguments``: of one command.
    ``query_bytes``: of one command as a whole. ``strange_argument_bytes``, ``strange_arguments``:
    the same before a client has authenticated. ``strange_seconds``: how long it may take to do so.
    ``pipeline_commands``: commands of one client that
    wait; until they are fewer, nothing more is read from it. ``reply_bytes``: of one reply, and of
    the replies to one client that are made at once. ``output_bytes``: replies that a client has not
    taken yet; beyond it, no further command of that client is carried out, and after
    ``stall_seconds`` without progress it is cut off.
    """

    clients: int = 1_000
    argument_bytes: int = 16 * _MEBIBYTE
    arguments: int = 65_536
    query_bytes: int = 64 * _MEBIBYTE
    strange_argument_bytes: int = 16 * 1024
    strange_arguments: int = 10
    strange_seconds: float = 30.0
    pipeline_commands: int = 10_000
    reply_bytes: int = 64 * _MEBIBYTE
    output_bytes: int = 32 * _MEBIBYTE
    stall_seconds: float = 30.0
