"""Flags of each id, in memory that is bounded by the number of ids that are not settled.

An id takes a byte while its page is open. In an old page nearly all ids are settled (accepted and
applied), and only the others are kept: failed calls, and events that are still in the log.
"""

from __future__ import annotations

ACCEPTED, APPLIED = 1, 2

_SETTLED = ACCEPTED | APPLIED
_PAGE_BITS = 16
_PAGE_SIZE = 1 << _PAGE_BITS
_MOST_UNSETTLED = 4_096


class SeqFlags:
    """Flags of ids that roughly ascend. Used under its owner's lock."""

    def __init__(self) -> None:
        # In pages, because the ids of an old data directory start high.
        self._pages: dict[int, bytearray] = {}
        self._closed: dict[int, dict[int, int]] = {}

    def add(self, number: int, mark: int) -> int:
        """Add ``mark`` to the flags of the id ``number``; return the flags before."""
        at, place = number >> _PAGE_BITS, number & (_PAGE_SIZE - 1)
        page = self._pages.get(at)
        if page is None:
            rest = self._closed.get(at)
            if rest is not None:
                return _add_to(rest, place, mark)
            self._close_old(at)
            page = self._pages[at] = bytearray(_PAGE_SIZE)
        before = page[place]
        page[place] = before | mark
        return before

    def _close_old(self, newest: int) -> None:
        for at in [at for at in self._pages if at < newest - 1]:
            page = self._pages[at]
            if _PAGE_SIZE - page.count(_SETTLED) <= _MOST_UNSETTLED:
                self._closed[at] = {
                    place: mark for place, mark in enumerate(page) if mark != _SETTLED
                }
                del self._pages[at]


def _add_to(rest: dict[int, int], place: int, mark: int) -> int:
    before = rest.get(place, _SETTLED)
    if before | mark != _SETTLED:
        rest[place] = before | mark
    else:
        rest.pop(place, None)
    return before
