"""The moments of a session that a user has marked, as marks of its snapshots."""

from __future__ import annotations

from dataclasses import replace

from cachedesk.core.commands import Bookmark
from cachedesk.core.snapshot import BOOKMARK, Mark, Snapshot

MOST = 50
"""How many are kept; a recording has the newest in each of its snapshots."""


class Bookmarks:
    """The newest bookmarks. Thread-safe, because each change replaces one tuple."""

    def __init__(self) -> None:
        self.marks: tuple[Mark, ...] = ()

    def add(self, bookmark: Bookmark) -> str:
        """Add a bookmark; return its name."""
        mark = Mark(f"{BOOKMARK}{bookmark.number}", bookmark.at, bookmark.at)
        self.marks = (*self.marks, mark)[-MOST:]
        return mark.name

    def on(self, snapshot: Snapshot) -> Snapshot:
        """Return ``snapshot`` with the bookmarks after its faults."""
        return replace(snapshot, marks=(*snapshot.marks, *self.marks)) if self.marks else snapshot
