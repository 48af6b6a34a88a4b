"""The calls of the cache layer for a program that serves many callers at once, such as a server."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from cachedesk.core.events import as_keys
from cachedesk.core.policy import PolicyTable
from cachedesk.core.reads import Read
from cachedesk.core.truth import Page, Truth
from cachedesk.core.writes import Change, Outcome
from cachedesk.engine.expiry_calls import ExpiryCalls, Key
from cachedesk.engine.face.flights import Flights
from cachedesk.engine.writer import Writer

T = TypeVar("T")


class BatchCalls(ExpiryCalls):
    """The part of ``CacheLayer`` that carries out the calls of many callers in one commit."""

    _flights: Flights
    _policies: PolicyTable
    _writer: Writer
    _truth: Truth

    def write_each(self, requests: Iterable[Sequence[Change]]) -> list[Outcome]:
        """Carry out independent requests, in order; they share commits.

        Each succeeds or fails by itself, as if it were the only one. That is what sets it apart
        from ``write_many``, whose operations are made together or not at all.

        Args:
            requests: the changes of each request, with valid keys and values. The changes of one
                request that take the same path are made all or none (write-behind: per 1,000).

        Returns:
            What each request came to, in order: a receipt per change, or the error that
            ``write_many`` would have raised.

        Raises:
            Closed: the stack was closed.
        """
        its = [list(changes) for changes in requests]
        paths = [[self._policies.of(change.key).path for change in changes] for changes in its]
        self._flights.outdate(change.key for changes in its for change in changes)
        return self._call(self._writer.write_each, its, paths)

    def read_truth(self, keys: Iterable[Key]) -> list[Read]:
        """Read ``keys`` from the database and the log, without Redis, in their order: unlike
        ``read``, it also returns when they expire, and the seq of their last write.

        Raises:
            InvalidKey: a key is not valid.
            Unavailable: the database cannot be read.
        """
        wanted = as_keys(keys)
        found = self._call(self._truth.read, list(dict.fromkeys(wanted)))
        return [found[key] for key in wanted]

    def key_pages(self) -> Iterator[list[bytes]]:
        """Yield all keys, up to 2,000 at a time, in the order of their bytes; see ``items``. No
        value is kept between two pages.

        Raises:
            Unavailable: the database cannot be read.
            Closed: the stack was closed meanwhile.
        """
        listing = self._call(self._truth.pages)
        after: bytes | None = b""
        while after is not None:
            page: Page = self._call(listing.page, after)
            after, keys = page.last, [key for key, _ in page.items]
            del page
            yield keys

    @abstractmethod
    def _call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call ``function`` while the stack is open."""
