"""The keys that an act of a story names, and what each place holds of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.key_report import KeyReport
from cachedesk.lab.stories.key_ranges import named
from cachedesk.lab.stories.script import Act

MOST_KEYS = 8


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key: its value in Redis and SQLite, its events in the log, and the value that it should
    have by what was acknowledged. ``None``: absent. ``unlogged``: its writes that are in Redis and
    in no log. The value of a place is only valid while the place is known."""

    key: bytes
    cached: bytes | None = None
    cached_known: bool = True
    pending: int = 0
    unlogged: int = 0
    row: bytes | None = None
    row_known: bool = True
    expected: bytes | None = None


def keys_of(act: Act) -> tuple[bytes, ...]:
    """Return the keys that ``act`` names: the first and the last of each range, at most
    ``MOST_KEYS``."""
    found: dict[bytes, None] = {}
    for step in act.step:
        for keys in (step.set, step.incr, step.delete, step.get):
            if keys is None:
                continue
            all_keys = named(keys.keys)
            if not found.keys() & {all_keys[0]}:
                found.update(dict.fromkeys((all_keys[0], all_keys[-1])))
    return tuple(found)[:MOST_KEYS]


def line_of(report: KeyReport, expected: bytes | None) -> KeyLine:
    """Return the line of the key that ``report`` explains."""
    return KeyLine(
        key=report.key,
        cached=report.cached.value,
        cached_known=report.cached.known,
        pending=report.pending,
        unlogged=report.unlogged,
        row=report.row.value,
        row_known=report.row.known,
        expected=expected,
    )


def lines(
    keys: tuple[bytes, ...],
    inspect: Callable[[bytes], KeyReport],
    expected: Callable[[bytes], bytes | None],
) -> tuple[KeyLine, ...]:
    """Return the lines of ``keys`` as of now; errors as ``inspect``."""
    return tuple(line_of(inspect(key), expected(key)) for key in keys)
