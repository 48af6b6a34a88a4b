"""The paths that calls take now: which reader, and which part takes the fast writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.engine.behind import WriteBehind
from cachedesk.engine.parts import Parts
from cachedesk.engine.repair import Reader
from cachedesk.engine.writes import FastPath


@dataclass(slots=True)
class Paths:
    """``logged`` is the way into the log, ``fast`` what fast writes take now. The switchboard
    alone replaces ``reader`` and ``fast``, while calls are under way: a call takes what it finds
    once, and keeps it."""

    logged: WriteBehind
    reader: Reader
    fast: FastPath


def usual(parts: Parts, is_abandoned: Callable[[], bool]) -> Paths:
    """Return the paths of a stack whose safeguards are all on; ``is_abandoned``: see
    ``WriteBehind``."""
    reader = Reader(parts)
    logged = WriteBehind(parts, reader, is_abandoned)
    return Paths(logged, reader, logged)
