"""The executor: it carries out plans on the cache layer, as many as possible at once.

Several plans share one read and one commit, in rounds: a plan that must know a key that an earlier
plan of its round writes begins the next round. A reply is made only from what has been read, or
from the receipt of a commit, so a client that has a reply has what the policy of its key promises.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CachedeskError, CounterOverflow, NotACounter
from cachedesk.core.events import Entry, Op, change
from cachedesk.core.policy import Policy
from cachedesk.core.reads import Read
from cachedesk.core.writes import Change, Outcome
from cachedesk.server.failures import told
from cachedesk.server.plan import CommandError, Effect, Plan, Transaction, View
from cachedesk.server.replies import INTERNAL, NULL_ARRAY, OK, ErrorReply, Reply, size_of

_KEYS_AT_ONCE = 256
_log = logging.getLogger("cachedesk.server")


class Layer(Protocol):
    """The calls of ``CacheLayer`` that plans need."""

    def policy(self, key: bytes) -> Policy:
        """Return the policy of a key."""
        ...

    def get_stored(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """Return values."""
        ...

    def read_truth(self, keys: Iterable[bytes]) -> list[Read]:
        """Return values and expiries."""
        ...

    def key_pages(self) -> Iterable[list[bytes]]:
        """List the keys."""
        ...

    def write_each(self, requests: Iterable[Sequence[Change]]) -> list[Outcome]:
        """Write independent requests."""
        ...


@dataclass(slots=True)
class Done:
    """What came of plans: the replies of the first of them, and the keys that were written."""

    replies: list[Reply] = field(default_factory=list)
    written: set[bytes] = field(default_factory=set)


class Executor:
    """Carries out plans. Thread-safe if no two threads write the same keys."""

    def __init__(self, layer: Layer, reply_bytes: int) -> None:
        """Prepare.

        Args:
            layer: carries out the reads and writes.
            reply_bytes: the most that one reply may have, and after which ``run`` returns.
        """
        self._layer = layer
        self._reply_bytes = reply_bytes

    def run(self, parts: Sequence[Plan | Reply]) -> Done:
        """Carry out ``parts`` in order; a part that is a reply stands for itself. Never raises.

        Returns:
            The replies of the first parts. Those after them were not begun: it stops where more
            replies would take too much memory at once.
        """
        done = Done()
        size = 0
        while len(done.replies) < len(parts) and size <= self._reply_bytes:
            batch = self._round(parts, len(done.replies))
            try:
                replies = self._together(batch, done.written)
            except Exception:  # noqa: BLE001 - the server goes on; it is logged
                _log.exception("a command failed in an unexpected way")
                replies = [INTERNAL] * len(batch)
            size += sum(map(size_of, replies))
            done.replies += replies
        return done

    def transact(self, transaction: Transaction) -> Done:
        """Carry out the commands of a MULTI, on one view of their keys and in one commit per path.
        Never raises."""
        done = Done()
        try:
            done.replies.append(self._transact(transaction, done.written))
        except CachedeskError as error:
            done.replies.append(told(error))
        except Exception:  # noqa: BLE001 - the server goes on; it is logged
            _log.exception("a transaction failed in an unexpected way")
            done.replies.append(INTERNAL)
        return done

    def sweep(self) -> Done:
        """Delete every key; the reply is ``OK``, or the first error, after which it ends. Never
        raises."""
        done = Done()
        try:
            for keys in self._layer.key_pages():
                done.written.update(keys)
                outcomes = self._write([(Change(Op.DELETE, key, None),) for key in keys])
                failed = (it for it in outcomes if isinstance(it, CachedeskError))
                if (error := next(failed, None)) is not None:
                    done.replies.append(told(error))
                    return done
            done.replies.append(OK)
        except CachedeskError as error:
            done.replies.append(told(error))
        return done

    def _round(self, parts: Sequence[Plan | Reply], start: int) -> Sequence[Plan | Reply]:
        written: set[bytes] = set()
        keys = 0
        for place in range(start, len(parts)):
            part = parts[place]
            if not isinstance(part, Plan):
                continue
            known = (*part.reads, *part.exact)
            keys += len(known)
            # A part with more keys than fit is a round of its own.
            if not written.isdisjoint(known) or (place > start and keys > _KEYS_AT_ONCE):
                return parts[start:place]
            written.update(part.writes)
        return parts[start:]

    def _together(self, parts: Sequence[Plan | Reply], written: set[bytes]) -> list[Reply]:
        plans = {place: part for place, part in enumerate(parts) if isinstance(part, Plan)}
        failed: dict[int, ErrorReply] = {}
        view = self._view(plans, failed)
        effects = {place: _decided(it, view) for place, it in plans.items() if place not in failed}
        writing = [place for place, effect in effects.items() if effect.changes]
        outcomes: dict[int, Outcome] = {}
        if writing:
            requests = [effects[place].changes for place in writing]
            outcomes = dict(zip(writing, self._write(requests), strict=True))
            for place, outcome in outcomes.items():
                written.update(_written(effects[place].changes, outcome))
        replies: list[Reply] = []
        for place, part in enumerate(parts):
            if not isinstance(part, Plan):
                replies.append(part)
            else:
                replies.append(failed.get(place) or _reply(effects[place], outcomes.get(place)))
        return replies

    def _write(self, requests: Sequence[Sequence[Change]]) -> list[Outcome]:
        try:
            return self._layer.write_each(requests)
        except CachedeskError as error:
            return [error] * len(requests)

    def _view(self, plans: Mapping[int, Plan], failed: dict[int, ErrorReply]) -> View:
        """Return what ``plans`` must know; those of which something is not known fail."""
        try:
            return self._view_of(self._entries(plans.values()))
        except (CachedeskError, CommandError):
            # One by one, so that the others do not fail with it.
            entries: dict[bytes, Entry] = {}
            for place, plan in plans.items():
                try:
                    entries |= self._entries((plan,))
                except (CachedeskError, CommandError) as error:
                    failed[place] = told(error)
            return self._view_of(entries)

    def _view_of(self, entries: Mapping[bytes, Entry]) -> View:
        return View(entries, wall_seconds(), self._layer.policy)

    def _entries(self, plans: Iterable[Plan]) -> dict[bytes, Entry]:
        # What decides a write is the truth, never a value that a policy lets be served stale.
        exact = dict.fromkeys(
            key
            for plan in plans
            for key in ((*plan.exact, *plan.reads) if plan.writes else plan.exact)
        )
        entries = self._exact_entries(list(exact))
        wanted = dict.fromkeys(key for plan in plans for key in plan.reads)
        keys = [key for key in wanted if key not in entries]
        size = 0
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            for key, value in zip(some, self._layer.get_stored(some), strict=True):
                entries[key] = Entry(value)
                size += len(value or b"")
            if size > self._reply_bytes and start + _KEYS_AT_ONCE < len(keys):
                raise CommandError(
                    f"ERR the values are over {self._reply_bytes:,} bytes; ask for fewer keys"
                )
        return entries

    def _exact_entries(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        if not keys:
            return {}
        found = zip(keys, self._layer.read_truth(keys), strict=True)
        return {key: Entry(it.value, it.seq or 0, it.expires_at) for key, it in found}

    def _transact(self, transaction: Transaction, written: set[bytes]) -> Reply:
        if transaction.touched():
            return NULL_ARRAY
        plans = [part for part in transaction.parts if isinstance(part, Plan)]
        needed = dict.fromkeys(transaction.watched)
        for plan in plans:
            needed.update(dict.fromkeys((*plan.reads, *plan.exact, *plan.writes)))
        entries = self._exact_entries(list(needed))
        for key, present in transaction.watched.items():
            # An expiry is no write; it changes a watched key nevertheless.
            if present and entries[key].value is None:
                return NULL_ARRAY
        now = wall_seconds()
        steps: list[Reply | tuple[Effect, int]] = []
        changes: list[Change] = []
        for part in transaction.parts:
            if not isinstance(part, Plan):
                steps.append(part)
                continue
            effect = _decided(part, View(entries, now, self._layer.policy))
            try:
                entries |= _after(effect.changes, entries, now)
            except (NotACounter, CounterOverflow) as error:
                steps.append(told(error))
            else:
                steps.append((effect, len(changes)))
                changes += effect.changes
        outcome: Outcome = []
        if changes:
            (outcome,) = self._write([changes])
            written.update(_written(changes, outcome))
        if isinstance(outcome, CachedeskError):
            return told(outcome)
        replies: list[Reply] = []
        for step in steps:
            if not isinstance(step, tuple):
                replies.append(step)
                continue
            effect, first = step
            replies.append(_reply(effect, outcome[first : first + len(effect.changes)]))
        return replies


def _written(changes: Sequence[Change], outcome: Outcome) -> Iterable[bytes]:
    """Return the keys that were written, or may have been."""
    if isinstance(outcome, CachedeskError):
        return [it.key for it in changes]
    pairs = zip(changes, outcome, strict=True)
    return [it.key for it, receipt in pairs if receipt.changed or it.only_if is None]


def _decided(plan: Plan, view: View) -> Effect:
    try:
        return plan.decide(view)
    except CommandError as error:
        return Effect(told(error))
    except Exception:  # noqa: BLE001 - the other commands of the round do not fail with it
        _log.exception("a command failed in an unexpected way")
        return Effect(INTERNAL)


def _reply(effect: Effect, outcome: Outcome | None) -> Reply:
    if isinstance(outcome, CachedeskError):
        return told(outcome)
    if effect.reply_from is not None:
        return effect.reply_from(outcome or [])
    return effect.reply


def _after(
    changes: Sequence[Change], entries: Mapping[bytes, Entry], now: float
) -> dict[bytes, Entry]:
    """Return the entries that ``changes`` lead to; errors as for ``change``."""
    after: dict[bytes, Entry] = {}
    for its in changes:
        old = after.get(its.key) or entries[its.key]
        if its.only_if is not None and not its.only_if(old):
            continue
        value, until = change(old, its.op, its.arg, now, its.expires_at)
        after[its.key] = Entry(value, old.seq, until)
    return after
