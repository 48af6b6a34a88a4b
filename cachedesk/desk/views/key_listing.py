"""Which of the hot keys are listed, and in which order: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from fnmatch import fnmatchcase

from cachedesk.core.policy import glob
from cachedesk.core.snapshot import HotKey
from cachedesk.desk.views.formats import data_text
from cachedesk.desk.views.key_state import KeyState


class Order(Enum):
    """What the list is sorted by; the value is the column that shows it."""

    USES = "uses"
    KEY = "key"
    PENDING = "pending"
    STATE = "state"

    @property
    def next(self) -> Order:
        """The order after this one."""
        orders = list(Order)
        return orders[(orders.index(self) + 1) % len(orders)]


_WORST_FIRST = (
    KeyState.LOST,
    KeyState.STALE,
    KeyState.ONLY_REDIS,
    KeyState.DEAD_LETTER,
    KeyState.UNKNOWN,
    KeyState.ROW_UNKNOWN,
    KeyState.CACHE_UNKNOWN,
    KeyState.ONLY_LOG,
    KeyState.NEWER_IN_LOG,
    KeyState.DELETE_PENDING,
    KeyState.AHEAD,
    KeyState.BEING_WRITTEN,
    KeyState.NOT_CACHED,
    KeyState.ABSENT,
    KeyState.FRESH,
    KeyState.COOLED,
)


def matches(key: bytes, wanted: str) -> bool:
    """Return whether ``key`` is wanted: it contains the text, or is of its pattern when there is
    a ``*`` or ``?`` in it; large or small letters are the same. The key as it is shown counts,
    and the bytes that it is."""
    if glob(_either_case(_plain_pattern(wanted))).match(key):
        return True
    text, wanted = data_text(key).casefold(), wanted.casefold()
    if "*" in wanted or "?" in wanted:
        return fnmatchcase(text, wanted.replace("[", "[[]"))
    return wanted in text


def filtered(hot: Sequence[HotKey], wanted: str) -> tuple[HotKey, ...]:
    """Return the keys that are wanted; all of them when nothing is asked for."""
    return tuple(key for key in hot if not wanted or matches(key.key, wanted))


def pattern_of(wanted: str, listed: Iterable[bytes] = ()) -> str:
    """Return the pattern that evicts what the filter ``wanted`` lists, and never a key that it
    would not list; empty for no filter.

    A pattern tells large letters from small ones and a filter does not: when a key of ``listed``
    needs it, the pattern takes either.
    """
    if not wanted:
        return ""
    plain = _plain_pattern(wanted)
    matches_plainly = glob(plain).match
    return plain if all(map(matches_plainly, listed)) else _either_case(plain)


def _plain_pattern(wanted: str) -> str:
    pattern = wanted.replace("[", "[[]")
    return pattern if "*" in wanted or "?" in wanted else f"*{pattern}*"


def _either_case(pattern: str) -> str:
    return "".join(
        f"[{one.lower()}{one.upper()}]" if one.isascii() and one.isalpha() else one
        for one in pattern
    )


def severity(state: KeyState) -> int:
    """Return how bad a state is, 0 for the worst."""
    return _WORST_FIRST.index(state)
