"""The paths that calls take now: which reader, and which part takes the fast writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.writes import FastPath
from cachedesk.engine.parts import Parts
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.write_behind import WriteBehind


@dataclass(slots=True)
class Routes:
    """``logged`` is the way into the log, ``fast`` what fast writes take now. The switchboard
    alone replaces ``reader`` and ``fast``, while calls are under way: a call takes what it finds
    once, and keeps it."""

    logged: WriteBehind
    reader: ReadPath
    fast: FastPath


def usual(parts: Parts, is_abandoned: Callable[[], bool]) -> Routes:
    """Return the paths of a stack whose safeguards are all on; ``is_abandoned``: see
    ``WriteBehind``."""
    reader = ReadPath(parts)
    logged = WriteBehind(parts, reader, is_abandoned)
    return Routes(logged, reader, logged)
