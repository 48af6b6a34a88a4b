"""The routes that calls take now: which read path, and which path takes the fast writes."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.writes import FastPath
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.write_behind import WriteBehind


@dataclass(slots=True)
class Routes:
    """``logged`` is the way into the log, ``fast`` what fast writes take now. The safeguard
    switches alone replace ``reader`` and ``fast``, while calls are under way: a call takes what
    it finds once, and keeps it."""

    logged: WriteBehind
    reader: ReadPath
    fast: FastPath
