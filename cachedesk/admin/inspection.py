"""Reads a data directory that is not in use, and drains it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cachedesk.admin.draining import drain
from cachedesk.console.output import json_text
from cachedesk.console.signals import Signals
from cachedesk.core.codecs import readable
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.reads import Read
from cachedesk.core.settings import Settings
from cachedesk.engine.listing import truth
from cachedesk.engine.overlay import OverlayReader, rows_of
from cachedesk.engine.read_path import as_read
from cachedesk.stack.durable_state import DurableState, open_state
from cachedesk.stack.stack import Stack
from cachedesk.stores.embedded.recovery import recover
from cachedesk.stores.embedded.stores import EMBEDDED

_LINES_PER_CHUNK = 1_000


@contextmanager
def opened(data: Path) -> Iterator[DurableState]:
    """Open the files in ``data``, a data directory that is not in use.

    Raises:
        DataDirectoryError: it is not a data directory, is in use, or is damaged.
    """
    directory = EMBEDDED.lock(data, create=False)
    try:
        state = open_state(EMBEDDED, directory)
        try:
            yield state
        finally:
            state.close()
    finally:
        directory.close()


def recover_directory(data: Path, *, accept_loss: bool) -> str:
    """Carry out ``cachedesk recover``; see ``stores.embedded.recovery``."""
    directory = EMBEDDED.lock(data, create=False)
    try:
        return recover(directory, accept_loss=accept_loss)
    finally:
        directory.close()


def look_up(data: Path, key: bytes) -> Read:
    """Return the truth of ``key``; errors as for ``opened``."""
    with opened(data) as state:
        overlaid = OverlayReader(state.pending, rows_of(state.database)).read((key,))[key]
    if overlaid.error is not None:
        raise overlaid.error
    return as_read(overlaid)


def read_as_json(key: bytes, read: Read) -> dict[str, object]:
    """Return the JSON that ``get --json`` prints for ``key``."""
    return {
        "key": json_text(key),
        "value": None if read.value is None else json_text(readable(read.value)),
        "source": str(read.source),
        "pending": read.pending,
        "seq": read.seq,
    }


def dump_lines(data: Path, *, raw: bool = False) -> Iterator[bytes]:
    """Yield the truth as JSON lines ``[key, value]``, many in a chunk; errors as ``opened``.

    Args:
        data: the data directory.
        raw: yield values as they are stored, instead of in a readable form.
    """
    encode = msgspec.json.Encoder().encode
    with opened(data) as state:
        lines = []
        for key, value in truth(state.pending, state.database):
            shown = value if raw else readable(value)
            lines.append(encode((json_text(key), json_text(shown))))
            if len(lines) == _LINES_PER_CHUNK:
                yield b"\n".join((*lines, b""))
                lines.clear()
        yield b"\n".join((*lines, b""))


@dataclass(frozen=True, slots=True)
class Drained:
    """The result of a drain. ``pending``: the events that are left; ``dead``: the events that
    became dead letters."""

    events: int
    dead: int
    pending: int
    seconds: float
    interrupted_by: int | None = None

    def __str__(self) -> str:
        text = f"drained {self.events:,} events in {self.seconds:.1f} s"
        if self.dead:
            text += f"; {self.dead:,} became dead letters"
        if self.pending:
            text += f"; {self.pending:,} are still in the log, and safe"
        return text

    def as_json(self) -> dict[str, object]:
        """Return the JSON that ``drain --json`` prints."""
        return {
            "drained": self.events,
            "dead": self.dead,
            "pending": self.pending,
            "seconds": round(self.seconds, 3),
        }

    @property
    def exit_code(self) -> int:
        """0 if nothing is pending any more."""
        return self.interrupted_by or (1 if self.pending else 0)


def drain_directory(
    data: Path, settings: Settings, seconds: float = 60.0, failpoints: str = ""
) -> Drained:
    """Flush the log in ``data`` to the database, for at most ``seconds``, with ``failpoints`` armed
    (``point=terms;…``).

    Raises:
        DataDirectoryError: as for ``opened``.
    """
    with opened(data) as state:
        dead_before = state.database.count()[1]
    with Signals() as signals:
        stack = Stack(data, settings, failpoints=Failpoints(failpoints))
        try:
            waiting = stack.pending.books().accepted
            took = drain(stack.layer, seconds, signals.received)
            books, left = stack.pending.books(), stack.backlog.depth
        finally:
            stack.close()
    return Drained(
        events=waiting - books.pending - books.dead,
        dead=books.dead - dead_before,
        pending=left,
        seconds=seconds if took is None else took,
        interrupted_by=signals.exit_code if left else None,
    )
