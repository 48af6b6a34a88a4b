"""The truth of one process: the paths of writes, the overlay of reads, and the dead letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, takewhile

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import CachedeskError, LogFull, Unavailable
from cachedesk.core.ports import SystemOfRecord
from cachedesk.core.reads import Read
from cachedesk.core.truth import Pages
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, FastPath, Outcome, Receipt, Switched
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

    def write_each(
        self, requests: Sequence[Sequence[Change]], path: WritePath, deadline: float
    ) -> list[Outcome]:
        """See ``Truth.write_each``."""
        if path is WritePath.THROUGH:
            return _or_all_fail(self.through.write_each, requests, deadline)
        outcomes: list[Outcome] = []
        while len(outcomes) < len(requests):
            fast = self.routes.fast
            left = requests[len(outcomes) :]
            small = list(takewhile(partial(_is_one_part, fast), left))
            if not isinstance(fast, WriteBehind) or not small:
                # One by one: too large for one record, or the log is off.
                outcomes += _or_all_fail(self._write_one, left[:1], deadline)
                continue
            some = _or_all_fail(fast.write_each, small, deadline)
            full = next((at for at, it in enumerate(some) if isinstance(it, LogFull)), len(some))
            if self._overflows and full < len(some):
                some[full:] = _or_all_fail(self.through.write_each, small[full:], deadline)
            outcomes += some
        return outcomes

    def _write_one(self, requests: Sequence[Sequence[Change]], deadline: float) -> list[Outcome]:
        return [self._write_behind(changes, deadline) for changes in requests]

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


def _is_one_part(fast: FastPath, changes: Sequence[Change]) -> bool:
    return len(list(islice(fast.parts(changes), 2))) == 1


def _or_all_fail(
    write: Callable[[Sequence[Sequence[Change]], float], list[Outcome]],
    requests: Sequence[Sequence[Change]],
    deadline: float,
) -> list[Outcome]:
    """Return the outcomes of ``write``; its error is the outcome of all ``requests``."""
    try:
        return write(requests, deadline)
    except CachedeskError as error:
        return [error] * len(requests)
