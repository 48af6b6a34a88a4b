"""CacheLayer: the interface of the library. Each call checks its arguments and takes a path."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

from cachedesk.core.codec_table import CodecTable
from cachedesk.core.errors import CacheError, Closed, InvalidValue, Unavailable
from cachedesk.core.events import as_key, as_keys, as_value
from cachedesk.core.key_report import KeyReport
from cachedesk.core.policy import Policy, PolicyTable
from cachedesk.core.reads import Read
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.truth import Cache, Drain, Page, Pages, Truth
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Receipt
from cachedesk.engine.batch_calls import BatchCalls
from cachedesk.engine.call_thread import CallThread
from cachedesk.engine.dead_letter_calls import DeadLetterCalls
from cachedesk.engine.expiry_calls import Key
from cachedesk.engine.face.conditional_calls import ConditionalCalls
from cachedesk.engine.face.flights import Flights
from cachedesk.engine.face.loading_calls import LoadingCalls
from cachedesk.engine.face.mapping_calls import MappingCalls
from cachedesk.engine.face.memoizing import MemoizingCalls
from cachedesk.engine.face.write_calls import WriteCalls
from cachedesk.engine.lifecycle import Lifecycle
from cachedesk.engine.read_path import ReadPath
from cachedesk.engine.sliding_expiry import SlidingExpiry
from cachedesk.engine.writer import Writer

_POLL_SECONDS = 0.05
_SLICE_SECONDS = 0.25
_KEYS_AT_ONCE = 1_000

D = TypeVar("D")
T = TypeVar("T")


class CacheLayer(
    Lifecycle,
    WriteCalls,
    MappingCalls,
    BatchCalls,
    ConditionalCalls,
    LoadingCalls,
    MemoizingCalls,
    DeadLetterCalls,
):
    """A running cache stack. Thread-safe. Created by ``cachedesk.open``; close it, or use ``with``.

    Keys are 1 to 1,024 bytes; a str is encoded as UTF-8. Values are bytes; a str is encoded as
    UTF-8, an int as its decimal text, and other objects by a codec, if the key has one. Counters
    are signed 64-bit integers, as in Redis.

    An exception that a signal handler raises in the middle of a call (Ctrl-C, a time limit) ends
    the call at once; a write under way is then completed or refused, in the background, before the
    next call of the same thread begins. An exception that arrives as ``open`` returns can leave a
    stack open without a reference to it. A stack whose layer is garbage is closed in the
    background, with a ``ResourceWarning``. In a forked child process every call raises ``Forked``,
    ``close`` and ``with`` too, and nothing of the parent is touched.
    """

    def __init__(
        self,
        *,
        writer: Writer,
        reader: Callable[[], ReadPath],
        truth: Truth,
        cache: Cache,
        drain: Drain,
        policies: PolicyTable,
        sliding: SlidingExpiry | None,
        snapshot: Callable[[], Snapshot],
        explain: Callable[[bytes], KeyReport],
        close: Callable[[], None],
        calls: CallThread,
        name: str,
        codecs: CodecTable | None = None,
    ) -> None:
        super().__init__(calls=calls, close=close, name=name)
        self._codecs = codecs
        self._policies = policies
        self._sliding = sliding
        self._writer = writer
        self._reader = reader
        self._truth = truth
        self._cache = cache
        self._drain = drain
        self._snapshot = snapshot
        self._explain = explain
        self._flights = Flights()

    @overload
    def get(self, key: Key) -> bytes | None: ...

    @overload
    def get(self, key: Key, default: D) -> bytes | D: ...

    def get(self, key: Key, default: object = None) -> object:
        """Return the value of ``key``, or ``default`` if it is absent.

        The value is at least as new as the last write acknowledged before the call.

        Raises:
            InvalidKey: the key is not valid.
            Unavailable: Redis has no copy and the database cannot be read.

        >>> cache.get("absent"), cache.get("absent", b"0")
        (None, b'0')
        """
        its = as_key(key)
        value = self._fetch(its).value
        if value is None:
            return default
        return value if self._codecs is None else self._codecs.decode(its, value)

    def read(self, key: Key) -> Read:
        """Like ``get``, but also return where the value came from and how many events are pending;
        see ``Read``."""
        key = as_key(key)
        found = self._fetch(key)
        if self._codecs is None or found.value is None:
            return found
        return replace(found, value=self._decode(key, found.value))

    def _encode(self, key: bytes, value: Any) -> bytes:
        return as_value(value) if self._codecs is None else self._codecs.encode(key, value)

    def _decode(self, key: bytes, data: bytes) -> Any:
        return data if self._codecs is None else self._codecs.decode(key, data)

    def _fetch(self, key: bytes) -> Read:
        found = self._read(key)
        if self._sliding is not None and found.value is not None:
            self._slide((key,), self._sliding)
        return found

    def _read(self, key: bytes) -> Read:
        reader = self._reader()
        began = time.perf_counter()
        try:
            must_queue = self._gate.closed or self._calls.overtakes
            found = None if must_queue else reader.hit(key, began)
        except CacheError:
            return self._call(reader.read, key)
        return found or self._call(reader.repair, key, began)

    def get_many(self, keys: Iterable[Key]) -> list[bytes | None]:
        """Return the values of ``keys``, in their order; errors as for ``get``.

        >>> _ = cache.set("a", 1)
        >>> cache.get_many(["a", "absent", "a"])
        [b'1', None, b'1']
        """
        wanted = as_keys(keys)
        values = self.get_stored(wanted)
        if self._codecs is None:
            return values
        return [
            None if value is None else self._decode(key, value)
            for key, value in zip(wanted, values, strict=True)
        ]

    def get_stored(self, keys: Iterable[Key]) -> list[bytes | None]:
        """Like ``get_many``, but return the values as they are stored, without their codecs."""
        wanted = as_keys(keys)
        values = self._read_many(wanted)
        if self._sliding is not None:
            pairs = dict(zip(wanted, values, strict=True))
            self._slide([key for key, value in pairs.items() if value is not None], self._sliding)
        return values

    def _read_many(self, wanted: list[bytes]) -> list[bytes | None]:
        reader = self._reader()
        at_once = 0 < len(wanted) <= _KEYS_AT_ONCE
        if not at_once or self._gate.closed or self._calls.overtakes:
            return self._call(reader.read_many, wanted)
        began = time.perf_counter()
        try:
            values, complete = reader.hits(wanted, began)
        except CacheError:
            return self._call(reader.read_many, wanted)
        if complete:
            return values
        return self._call(reader.repair_many, wanted, values, began)

    def _make(self, changes: list[Change], paths: Sequence[WritePath]) -> list[Receipt]:
        self._flights.outdate(change.key for change in changes)
        return self._call(self._writer.write, changes, paths)

    def _make_loaded(self, change: Change, path: WritePath) -> Receipt:
        return self._call(self._writer.write, [change], [path])[0]

    def _slide(self, keys: Sequence[bytes], sliding: SlidingExpiry) -> None:
        if due := sliding.due(keys):
            self._call(sliding.renew, due)

    def _deadlines(self, keys: Sequence[bytes]) -> dict[bytes, float | None]:
        found = self._call(self._truth.read, keys)
        return {key: read.expires_at for key, read in found.items()}

    def policy(self, key: Key) -> Policy:
        """Return the policy of ``key``: the path of its writes and the expiry of its values;
        ``InvalidKey`` as for ``get``.

        >>> str(cache.policy("views:1")), str(cache.policy("anything else"))
        ('write-behind', 'write-through')
        """
        self._calls.check_process()
        return self._policies.of(as_key(key))

    def evict(self, pattern: Key) -> int:
        """Evict the keys that match a shell-style pattern from the cache; the database and the log
        still hold them.

        Returns:
            How many of them were in the cache.

        Raises:
            Unavailable: Redis does not answer (and is not used for reads either).
        """
        return self._call(self._cache.evict, pattern)

    def drain(self, timeout: float | None = None) -> None:
        """Flush until nothing is pending, even if the worker was paused.

        Args:
            timeout: seconds to wait; ``None``: without limit.

        Raises:
            Unavailable: events were still pending after ``timeout``.
            InvalidValue: ``timeout`` is NaN.
            Closed: the stack was closed meanwhile.

        >>> cache.drain(timeout=60)
        >>> cache.snapshot().books.pending
        0
        """
        if timeout is not None and math.isnan(timeout):
            # No time compares as later than NaN, so the wait would never end.
            raise InvalidValue("a timeout is a number of seconds or None, not NaN")
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        # In slices, so that a call of a signal handler during a drain need not wait for its end.
        while not self._call(self._drain_for, _SLICE_SECONDS):
            if time.monotonic() >= deadline and (left := self._drain.remainder(timeout)):
                raise Unavailable(left)

    def snapshot(self) -> Snapshot:
        """Return the state of the whole stack as one frozen value."""
        return self._call(self._snapshot)

    def explain(self, key: Key) -> KeyReport:
        """Return what each store holds of ``key``, and where a read would find its value and why.

        Nothing is filled or counted. A store that does not answer is reported as such. ``str`` of
        the report is a text for people.

        >>> _ = cache.set("order:17", "paid")
        >>> cache.explain("order:17").truth.value
        b'paid'

        Raises:
            InvalidKey: the key is not valid.
        """
        return self._call(self._explain, as_key(key))

    def _items_after(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._pages(self._call(self._truth.pages), key)

    def _pages(self, listing: Pages, after: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        while after is not None:
            page: Page = self._call(listing.page, after)
            for item in page.items:
                # Also in the middle of a page, which is outdated once the stack is closed.
                self._must_be_open()
                yield item
            after = page.last

    def _drain_for(self, seconds: float) -> bool:
        """Flush for at most ``seconds``; return whether the log is empty: no event is pending, and
        those that a write-through absorbed are acked."""
        until = time.monotonic() + seconds
        with self._drain.expedite():
            while not self._drain.wait_until_flushed(_POLL_SECONDS):
                if self._gate.closed:
                    raise Closed("the cache layer was closed while it drained")
                if time.monotonic() >= until:
                    return False
        return True
