"""The state of a key in words, derived from its values in Redis, the log and SQLite."""

from __future__ import annotations

from enum import Enum

from cachedesk.core.snapshot import HotKey


class KeyState(Enum):
    """The state of a key; the value is its text on the screen."""

    FRESH = "fresh"
    AHEAD = "ahead of SQLite"
    ONLY_LOG = "only in the log"
    ONLY_REDIS = "only in Redis"
    LOST = "lost with Redis"
    NEWER_IN_LOG = "newer in the log"
    NOT_CACHED = "not cached"
    DELETE_PENDING = "delete pending"
    ABSENT = "absent"
    BEING_WRITTEN = "being written"
    STALE = "stale in Redis"
    DEAD_LETTER = "dead letter"
    ROW_UNKNOWN = "SQLite unknown"
    CACHE_UNKNOWN = "Redis unknown"
    UNKNOWN = "unknown"
    COOLED = "no longer hot"


def key_state(hot: HotKey, before: HotKey | None = None) -> KeyState:
    """Return the state of this key; a value that could not be read is unknown, never guessed.

    Args:
        hot: the key in this snapshot.
        before: the key in the previous snapshot; ``None``: it was not in it. A snapshot reads Redis
            shortly after the log and SQLite, so a key that is being written may differ. It is
            stale only if Redis held the same wrong value in two snapshots.
    """
    state = _state(hot, before)
    # A dead letter takes precedence over every state but stale.
    return KeyState.DEAD_LETTER if hot.dead and state is not KeyState.STALE else state


def _state(hot: HotKey, before: HotKey | None) -> KeyState:
    if not hot.cached_known and not hot.row_known and not hot.truth_known and not hot.pending:
        return KeyState.UNKNOWN
    if hot.unlogged and hot.cached_known:
        # Not in the log: the value in Redis is the only copy.
        return KeyState.LOST if hot.cached is None else KeyState.ONLY_REDIS
    if hot.cached is not None and hot.cached_known:
        return _in_redis(hot, before)
    if hot.pending:
        return _waiting(hot)
    if not hot.cached_known:
        return KeyState.CACHE_UNKNOWN
    if not hot.row_known:
        return KeyState.ROW_UNKNOWN
    return KeyState.ABSENT if hot.row is None else KeyState.NOT_CACHED


def _in_redis(hot: HotKey, before: HotKey | None) -> KeyState:
    if _differs(hot):
        stood_still = before is not None and _differs(before) and before.cached == hot.cached
        return KeyState.STALE if stood_still else KeyState.BEING_WRITTEN
    if hot.pending:
        return KeyState.AHEAD
    return KeyState.FRESH if hot.truth_known else KeyState.ROW_UNKNOWN


def _differs(hot: HotKey) -> bool:
    return hot.cached_known and hot.truth_known and hot.cached != hot.truth


def _waiting(hot: HotKey) -> KeyState:
    if hot.truth_known and hot.truth is None:
        return KeyState.DELETE_PENDING
    if hot.row_known and hot.row is None:
        return KeyState.ONLY_LOG
    return KeyState.NEWER_IN_LOG
