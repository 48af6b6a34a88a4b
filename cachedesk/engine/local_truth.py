"""The truth of one process: the paths of writes, the overlay of reads, and the dead letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import LogFull, Unavailable
from cachedesk.core.ports import SystemOfRecord
from cachedesk.core.reads import Read
from cachedesk.core.truth import Pages
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Receipt, Switched
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.dead_letter_admin import DeadLetterAdmin
from cachedesk.engine.listing import Listing
from cachedesk.engine.overlay import OverlayReader, rows_of
from cachedesk.engine.read_path import as_read
from cachedesk.engine.routes import Routes
from cachedesk.engine.write_behind import WriteBehind
from cachedesk.engine.write_through import WriteThrough

_SWITCH_POLL_SECONDS = 0.001


class LocalTruth:
    """A ``Truth`` over a log and a database that this process alone uses."""

    def __init__(
        self,
        *,
        routes: Callable[[], Routes],
        logged: WriteBehind,
        through: WriteThrough,
        letters: DeadLetterAdmin,
        backlog: Backlog,
        database: SystemOfRecord,
        overflows: bool,
    ) -> None:
        """Prepare.

        Args:
            routes: returns the composition in force.
            logged: the write-behind path.
            through: the write-through path.
            letters: lists, replays and drops dead letters.
            backlog: the index of the events in the log.
            database: the system of record.
            overflows: whether a write that a full log refuses is written through.
        """
        self._routes = routes
        self.logged = logged
        self.through = through
        self.letters = letters
        self.backlog = backlog
        self.pending = backlog.pending
        self.database = database
        self._overflows = overflows
        self._overlay = OverlayReader(backlog.pending, rows_of(database))

    @property
    def routes(self) -> Routes:
        """The composition in force."""
        return self._routes()

    def write(self, changes: Sequence[Change], path: WritePath, deadline: float) -> list[Receipt]:
        """See ``Truth.write``."""
        if path is WritePath.BEHIND:
            return self._write_behind(changes, deadline)
        return self.through.write(changes, deadline)

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Read]:
        """See ``Truth.read``."""
        reads: dict[bytes, Read] = {}
        for key, overlaid in self._overlay.read(keys).items():
            if not overlaid.known:
                raise Unavailable(f"the truth cannot be read: {overlaid.error}")
            reads[key] = as_read(overlaid)
        return reads

    def pages(self) -> Pages:
        """See ``Truth.pages``."""
        return Listing(self.pending, self.database, self.routes.reader.truths)

    def dead_letters(self, limit: int, after_seq: int) -> list[DeadLetter]:
        """See ``Truth.dead_letters``."""
        return self.letters.oldest(limit, after_seq)

    def replay(self, seq: int, deadline: float) -> Receipt:
        """See ``Truth.replay``."""
        return self.letters.replay(seq, deadline)

    def drop(self, seq: int, deadline: float) -> None:
        """See ``Truth.drop``."""
        self.letters.drop(seq, deadline)

    def mend(self, deadline: float) -> None:
        """See ``Truth.mend``."""
        self.logged.mend(deadline)

    def _write_behind(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        receipts: list[Receipt] = []
        fast = self.routes.fast
        for part in fast.parts(changes):
            try:
                receipts += fast.write(part, deadline)
            except Switched:
                # The other path is in force as soon as the dirty keys have been copied.
                time.sleep(_SWITCH_POLL_SECONDS)
                receipts += self._write_behind(part, deadline)
            except LogFull:
                if not self._overflows:
                    raise
                receipts += self.through.write(part, deadline)
        return receipts
