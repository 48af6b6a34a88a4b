"""Which of the hot keys are listed, and in which order. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from fnmatch import fnmatchcase

from cachedesk.core.patterns import glob
from cachedesk.core.snapshot import HotKey
from cachedesk.desk.views.formats import data_text
from cachedesk.desk.views.key_state import KeyState


class Order(Enum):
    """The sort criterion of the list; the value is the title of its column."""

    USES = "uses"
    KEY = "key"
    PENDING = "pending"
    STATE = "state"

    @property
    def next(self) -> Order:
        """The next criterion, cyclically."""
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


def matches(key: bytes, filter_text: str) -> bool:
    """Return whether ``key`` matches the filter.

    A filter with ``*`` or ``?`` is a pattern; any other text must be part of the key. Letter case
    does not count. Both the key as it is shown and its bytes are compared.
    """
    if glob(_either_case(_plain_pattern(filter_text))).match(key):
        return True
    text, filter_text = data_text(key).casefold(), filter_text.casefold()
    if "*" in filter_text or "?" in filter_text:
        return fnmatchcase(text, filter_text.replace("[", "[[]"))
    return filter_text in text


def filtered(hot: Sequence[HotKey], filter_text: str) -> tuple[HotKey, ...]:
    """Return the keys that match the filter; all of them when it is empty."""
    return tuple(key for key in hot if not filter_text or matches(key.key, filter_text))


def pattern_of(filter_text: str, listed: Iterable[bytes] = ()) -> str:
    """Return a pattern that evicts the keys that ``filter_text`` lists; empty for no filter.

    It matches no key that the filter would not list. Patterns are case-sensitive and filters are
    not; if a key of ``listed`` requires it, the pattern accepts either case.
    """
    if not filter_text:
        return ""
    plain = _plain_pattern(filter_text)
    matches_plainly = glob(plain).match
    return plain if all(map(matches_plainly, listed)) else _either_case(plain)


def _plain_pattern(filter_text: str) -> str:
    pattern = filter_text.replace("[", "[[]")
    return pattern if "*" in filter_text or "?" in filter_text else f"*{pattern}*"


def _either_case(pattern: str) -> str:
    return "".join(
        f"[{one.lower()}{one.upper()}]" if one.isascii() and one.isalpha() else one
        for one in pattern
    )


def severity(state: KeyState) -> int:
    """Return the rank of a state, 0 for the worst."""
    return _WORST_FIRST.index(state)
