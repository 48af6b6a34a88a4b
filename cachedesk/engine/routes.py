"""Routes: how calls and batches go through an engine, as one frozen composition.

Each safeguard is one part in one place of it. Without that safeguard another part stands there, in
another composition: production objects have no switch, and no part is ever altered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cachedesk.core.events import Coalesced, Entry, WriteEvent
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.writes import FastPath
from cachedesk.engine.read_path import ReadPath

Fold = Callable[[Mapping[bytes, Entry], Sequence[WriteEvent]], Coalesced]


@dataclass(frozen=True, slots=True)
class Routes:
    """One composition. A call takes the routes that it finds when it begins, and keeps them.

    ``safeguards``: which are on in it. ``reader``: the path of reads. ``fast``: the path of
    write-behind. ``fold``: folds a batch into the rows that it meets.
    """

    safeguards: Safeguards
    reader: ReadPath
    fast: FastPath
    fold: Fold
