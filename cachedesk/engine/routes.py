"""Routes: the parts that calls and batches pass through, as one frozen composition.

Three safeguards are parts of the composition: ``log``, ``read_repair`` and ``effectively_once``. To
switch one off is to use another composition, in which a part without the safeguard takes its
place; no part is modified. The fourth, ``cold_restart``, is set on the cache store.
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
    """One composition. A call uses the composition that is in force when the call begins.

    ``safeguards``: which are on. ``reader``: the read path. ``fast``: the write-behind path.
    ``fold``: folds a batch of events into their rows.
    """

    safeguards: Safeguards
    reader: ReadPath
    fast: FastPath
    fold: Fold
