"""Pending events: those in the log that are not part of a row yet, by key, and the event balance.

The index is in memory and is rebuilt from the log at open. Each change of the balance is made under
the same lock as the change of the index that it counts, so accepted = applied + pending + dead
holds at every instant (promise 8).
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from cachedesk.core.events import Entry, WriteEvent, is_absolute
from cachedesk.core.snapshot import Books
from cachedesk.core.wording import count_of

# The measured memory of one pending event beside its key and value (the event, its seq and time,
# its slot), and what the first event of a key takes beside that (the key's queue).
EVENT_OVERHEAD_BYTES = 300
KEY_OVERHEAD_BYTES = 350

MOST_LOST = 20

# Up to this many events of one key are kept as a tuple, which is copied to add one.
_FEW = 8


class _Queue(msgspec.Struct, gc=False):
    """The pending events of one key.

    ``size``: the memory they take, in bytes. ``head``: the entry of the key after them, ``None`` if
    it is unknown. ``overtaken``: the row may hold newer writes than these events.

    There may be a million queues, and the garbage collector traverses all objects that it tracks
    again and again while a caller waits (measured: 200 ms). So it does not track the queues
    (``gc=False``), and it untracks a tuple of events at its first pass; only a key with many events
    has a list.
    """

    events: tuple[WriteEvent, ...] | list[WriteEvent] = ()
    size: int = KEY_OVERHEAD_BYTES
    head: Entry | None = None
    overtaken: bool = False

    def append(self, event: WriteEvent) -> None:
        """Append ``event``."""
        if type(self.events) is list:
            self.events.append(event)
        elif len(self.events) < _FEW:
            self.events = (*self.events, event)
        else:
            self.events = [*self.events, event]


class PendingEvents:
    """The pending events by key, and the event balance. Thread-safe."""

    def __init__(self, dead: int = 0, lock: threading.Lock | None = None) -> None:
        """Create an empty index.

        Args:
            dead: the number of existing dead letters.
            lock: held during each change; given by an owner that changes its own state under the
                same lock.
        """
        self._lock = lock or threading.Lock()
        self.shrunk = threading.Condition(self._lock)
        """Notified when events are no longer pending; its lock is ``lock``."""
        self._queues: dict[bytes, _Queue] = {}
        self._accepted = self._dead = dead
        self._applied = self._pending = 0
        self._bytes = 0
        self._unlogged: Counter[bytes] = Counter()
        self._unlogged_events = self._lost_events = 0
        self._lost: list[int] = []
        self.decision_requested = False

    def add(
        self,
        events: Sequence[WriteEvent],
        heads: Mapping[bytes, Entry] | None = None,
        *,
        overtaken: bool = False,
    ) -> None:
        """Accept ``events``, which have just become durable in the log.

        Args:
            events: the new events, in seq order; those that are in the index already are skipped.
            heads: the entry of each of their keys after them; ``None``: unknown (recovery).
            overtaken: whether their rows may hold newer writes already.
        """
        with self._lock:
            self.add_locked(events, heads or {}, overtaken=overtaken)

    def add_locked(
        self,
        events: Sequence[WriteEvent],
        heads: Mapping[bytes, Entry],
        *,
        overtaken: bool = False,
    ) -> None:
        """Like ``add``, for the owner of the lock, which holds it."""
        added = grown = 0
        queues = self._queues
        for event in events:
            key = event.key
            queue = queues.get(key)
            if queue is None:
                queue = queues[key] = _Queue()
                grown += KEY_OVERHEAD_BYTES
            elif queue.events and queue.events[-1].seq >= event.seq:
                continue
            queue.append(event)
            queue.head = None
            size = _size(event)
            queue.size += size
            grown += size
            added += 1
            if overtaken:
                queue.overtaken = True
        for key, head in heads.items():
            queues[key].head = head
        self._accepted += added
        self._pending += added
        self._bytes += grown

    def events(self, key: bytes) -> tuple[WriteEvent, ...]:
        """Return the pending events of ``key``, oldest first."""
        with self._lock:
            queue = self._queues.get(key)
            return tuple(queue.events) if queue is not None else ()

    def oldest(self, key: bytes, most: int) -> tuple[WriteEvent, ...]:
        """Return the ``most`` oldest pending events of ``key``."""
        with self._lock:
            queue = self._queues.get(key)
            return tuple(queue.events[:most]) if queue is not None else ()

    def first_seq(self, key: bytes) -> int | None:
        """Return the seq of the oldest pending event of ``key``, ``None`` if there is none."""
        with self._lock:
            queue = self._queues.get(key)
            return queue.events[0].seq if queue is not None else None

    def events_of(self, keys: Iterable[bytes]) -> list[WriteEvent]:
        """Return the pending events of ``keys``, oldest first for each."""
        with self._lock:
            return [
                event for key in keys if key in self._queues for event in self._queues[key].events
            ]

    def all(self) -> dict[bytes, tuple[WriteEvent, ...]]:
        """Return a copy of all pending events, by key."""
        with self._lock:
            return {key: tuple(queue.events) for key, queue in self._queues.items()}

    def keys(self) -> list[bytes]:
        """Return the keys that have pending events."""
        with self._lock:
            return list(self._queues)

    def decides(self, key: bytes, events: Sequence[WriteEvent]) -> bool:
        """Return whether ``events`` determine the value of ``key`` without its row: one of them
        sets or deletes, and the row cannot hold a newer write.

        Args:
            key: the key.
            events: its pending events, as read before.
        """
        with self._lock:
            queue = self._queues.get(key)
            return (
                is_absolute(events)
                and queue is not None
                and not queue.overtaken
                and queue.events[0].seq == events[0].seq
            )

    def head(self, key: bytes) -> Entry | None:
        """Return the entry of ``key`` after its pending events, ``None`` if it is unknown or
        nothing is pending."""
        with self._lock:
            queue = self._queues.get(key)
            return queue.head if queue is not None else None

    def count(self, key: bytes) -> int:
        """Return how many events of ``key`` are pending. Takes no lock: a signal handler may call
        it in the middle of another call of its thread."""
        queue = self._queues.get(key)
        return len(queue.events) if queue is not None else 0

    def settle(
        self, events: Sequence[WriteEvent], dead: Collection[int] = (), through: int = 0
    ) -> int:
        """Remove ``events``, which are now part of their rows or buried, from the index.

        Args:
            events: the events of a committed transaction; those no longer pending are not counted.
            dead: the seqs of those that are dead letters.
            through: how many writes that never were pending the same transaction applied.

        Returns:
            How many of ``events`` were pending.
        """
        newest = {event.key: event.seq for event in events}
        # Most often they are exactly the oldest events of each key: then no search is needed.
        counts = Counter([event.key for event in events])
        settled = buried = freed = 0
        with self._lock:
            for key, seq in newest.items():
                queue = self._queues.get(key)
                if queue is None:
                    continue
                waiting, done = queue.events, counts[key]
                if len(waiting) < done or waiting[done - 1].seq != seq:
                    done = bisect_right(waiting, seq, key=_seq)
                settled += done
                if dead and (its := sum(event.seq in dead for event in waiting[:done])):
                    buried += its
                    # The head was computed with the buried event.
                    queue.head = None
                if done == len(waiting):
                    freed += queue.size
                    del self._queues[key]
                    continue
                size = sum(map(_size, waiting[:done]))
                freed += size
                queue.size -= size
                if type(waiting) is list:
                    # In place: the cost of a copy would grow with the number of remaining events.
                    del waiting[:done]
                else:
                    queue.events = waiting[done:]
            self._bytes -= freed
            self._pending -= settled
            self._dead += buried
            self._applied += settled - buried + through
            self._accepted += through
            self.shrunk.notify_all()
        return settled

    def forget_heads(self, keys: Iterable[bytes]) -> None:
        """Discard the heads of ``keys``, whose rows may hold newer writes than was assumed."""
        with self._lock:
            for key in keys:
                if (queue := self._queues.get(key)) is not None:
                    queue.head, queue.overtaken = None, True

    def request_decision(self) -> None:
        """Ask the worker to decide the pending events soon, because a call depends on it:
        ``decision_requested`` stays set until the worker has flushed."""
        self.decision_requested = True

    def count_replayed(self) -> None:
        """Count a dead letter as applied: it was replayed as a new write."""
        with self._lock:
            self._dead -= 1
            self._applied += 1

    def count_dropped(self) -> None:
        """Stop counting a dead letter, which was dropped."""
        with self._lock:
            self._dead -= 1
            self._accepted -= 1

    def recount_accepted(self) -> None:
        """Correct the event balance after an ``add`` that was interrupted between two steps."""
        with self._lock:
            self._recount()
            self._accepted = self._applied + self._dead + self._unapplied()

    def recount_applied(self) -> None:
        """Correct the event balance after a ``settle`` that was interrupted between two steps."""
        with self._lock:
            self._recount()
            self._applied = self._accepted - self._dead - self._unapplied()

    def _unapplied(self) -> int:
        return self.depth + self._lost_events

    def _recount(self) -> None:
        for key in [key for key, queue in self._queues.items() if not queue.events]:
            del self._queues[key]
        queues = self._queues.values()
        self._pending = sum(len(queue.events) for queue in queues)
        for queue in queues:
            queue.size = KEY_OVERHEAD_BYTES + sum(map(_size, queue.events))
        self._bytes = sum(queue.size for queue in queues)

    def books(self) -> Books:
        """Return the event balance of this instant."""
        with self._lock:
            return self.books_locked()

    def books_locked(self) -> Books:
        """Like ``books``, for the owner of the lock, which holds it."""
        return Books(self._accepted, self._applied, self.depth, self._dead)

    @property
    def depth(self) -> int:
        """How many events are pending, including those that are in no log."""
        return self._pending + self._unlogged_events

    def accept_unlogged(self, events: Collection[WriteEvent]) -> None:
        """Accept events that are in Redis and in no log, so that they cannot be recovered."""
        with self._lock:
            self._accepted += len(events)
            self._unlogged_events += len(events)
            self._unlogged.update(event.key for event in events)

    def settle_unlogged(self, events: Collection[WriteEvent]) -> None:
        """Count ``events``, which were in no log, as applied: they are part of their rows now."""
        with self._lock:
            self._applied += len(events)
            self._forget_unlogged(events)

    def lose_unlogged(self, events: Collection[WriteEvent]) -> None:
        """Count ``events``, which were in no log, as lost. The event balance can never be right
        again: accepted events are gone."""
        with self._lock:
            self._lost_events += len(events)
            self._lost += [event.seq for event in events][: MOST_LOST - len(self._lost)]
            self._forget_unlogged(events)

    @property
    def kept(self) -> str:
        """A phrase that says how many acknowledged writes only Redis may hold, if any."""
        if not self._unlogged_events:
            return "the truth is complete"
        unlogged = self._unlogged_events
        verb = "is" if unlogged == 1 else "are"
        return f"{count_of(unlogged, 'acknowledged write')} {verb} in no log"

    def unlogged(self, key: bytes) -> int:
        """Return how many events of ``key`` are in Redis and in no log."""
        return self._unlogged.get(key, 0)

    @property
    def lost(self) -> tuple[int, ...]:
        """The ids of the first lost events, at most ``MOST_LOST``."""
        return tuple(self._lost)

    def _forget_unlogged(self, events: Collection[WriteEvent]) -> None:
        self._unlogged_events -= len(events)
        for event in events:
            self._unlogged[event.key] -= 1
            if not self._unlogged[event.key]:
                del self._unlogged[event.key]
        self.shrunk.notify_all()

    @property
    def bytes(self) -> int:
        """The approximate memory of the pending events, in bytes."""
        return self._bytes

    def wait_until_empty(self, seconds: float | None) -> bool:
        """Wait for at most ``seconds`` (``None``: without limit) until nothing is pending; return
        whether that is so."""
        with self._lock:
            return self.shrunk.wait_for(lambda: self.depth == 0, seconds)


def _seq(event: WriteEvent) -> int:
    return event.seq


def _size(event: WriteEvent) -> int:
    arg = event.arg
    return EVENT_OVERHEAD_BYTES + len(event.key) + (len(arg) if type(arg) is bytes else 8)
