"""The writer: it sends each change of a call down its path, and records the result."""

from __future__ import annotations

import reprlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from cachedesk.core.conditions import equals, is_absent
from cachedesk.core.errors import (
    CachedeskError,
    CounterOverflow,
    InvalidValue,
    LogFull,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
    WriteRefused,
)
from cachedesk.core.events import ExpireOnly, Op, as_amount, as_key, as_value
from cachedesk.core.expiry import deadline_of
from cachedesk.core.policy import Policy
from cachedesk.core.recorder import CallPath, Recorder
from cachedesk.core.truth import Truth
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Outcome, Receipt

_CALLS = {
    WritePath.BEHIND: CallPath.WRITE_BEHIND,
    WritePath.THROUGH: CallPath.WRITE_THROUGH,
}


class Writer:
    """Writes the changes of a call, path by path. Thread-safe."""

    def __init__(self, truth: Truth, recorder: Recorder, write_seconds: float) -> None:
        """Prepare.

        Args:
            truth: makes the changes durable.
            recorder: records calls and refusals.
            write_seconds: the longest time that a write may take.
        """
        self._truth = truth
        self._recorder = recorder
        self._write_seconds = write_seconds

    def deadline(self) -> float:
        """Return the deadline of a write that begins now, in ``time.monotonic()`` seconds."""
        return time.monotonic() + self._write_seconds

    def write(self, changes: list[Change], paths: Sequence[WritePath]) -> list[Receipt]:
        """Write ``changes``, first those that are written through.

        Args:
            changes: in the order of the call.
            paths: the path of each change.

        Returns:
            One receipt per change, in order.

        Raises:
            See ``CacheLayer.write_many``.
        """
        receipts: dict[int, Receipt] = {}
        for path in WritePath:
            places = [place for place, its in enumerate(paths) if its is path]
            if places:
                written = self._write([changes[place] for place in places], path)
                receipts.update(zip(places, written, strict=True))
        return [receipts[place] for place in range(len(changes))]

    def write_each(
        self, requests: Sequence[Sequence[Change]], paths: Sequence[Sequence[WritePath]]
    ) -> list[Outcome]:
        """Write independent ``requests``, each as ``write`` would; they share commits.

        Args:
            requests: each is the changes of one request, in order.
            paths: the path of each change of each request.

        Returns:
            What each request came to, in order: a receipt per change, or its error. The receipts
            of a request whose write-behind part failed are lost; its write-through part is made.
        """
        failed: dict[int, CachedeskError] = {}
        receipts: list[dict[int, Receipt]] = [{} for _ in requests]
        for path in (WritePath.THROUGH, WritePath.BEHIND):
            places = {
                number: [place for place, it in enumerate(its) if it is path]
                for number, its in enumerate(paths)
                if number not in failed and path in its
            }
            if places:
                parts = [[requests[number][at] for at in its] for number, its in places.items()]
                outcomes = self._write_parts(parts, path)
                for (number, its), outcome in zip(places.items(), outcomes, strict=True):
                    if isinstance(outcome, CachedeskError):
                        failed[number] = outcome
                    else:
                        receipts[number].update(zip(its, outcome, strict=True))
        return [
            failed.get(number) or [its[place] for place in range(len(its))]
            for number, its in enumerate(receipts)
        ]

    def _write_parts(self, parts: Sequence[Sequence[Change]], path: WritePath) -> list[Outcome]:
        began = time.perf_counter()
        outcomes = self._truth.write_each(parts, path, self.deadline())
        made: list[bytes] = []
        for part, outcome in zip(parts, outcomes, strict=True):
            if not isinstance(outcome, CachedeskError):
                made += _made(part, outcome)
            elif isinstance(outcome, Unavailable) and not isinstance(outcome, LogFull):
                self._recorder.count("writes_unavailable", len(part))
            elif not isinstance(outcome, OutcomeUnknown):
                self._recorder.count("refused", len(part))
        if made:
            self._recorder.call(_CALLS[path], time.perf_counter() - began, made, len(made))
        return outcomes

    def _write(self, changes: list[Change], path: WritePath) -> list[Receipt]:
        began = time.perf_counter()
        deadline = self.deadline()
        try:
            receipts = self._truth.write(changes, path, deadline)
        except LogFull:
            self._recorder.count("refused", len(changes))
            raise
        except Unavailable:
            self._recorder.count("writes_unavailable", len(changes))
            raise
        except (NotACounter, CounterOverflow, WriteRefused):
            self._recorder.count("refused", len(changes))
            raise
        made = _made(changes, receipts)
        if made:
            self._recorder.call(
                _CALLS[path],
                time.perf_counter() - began,
                made,
                len(made),
            )
        return receipts


def _made(changes: Sequence[Change], receipts: Sequence[Receipt]) -> list[bytes]:
    """Return the keys of those changes whose condition was met."""
    return [
        change.key
        for change, receipt in zip(changes, receipts, strict=True)
        if receipt.changed or change.only_if is None
    ]


Encode = Callable[[bytes, Any], bytes]
"""Returns a value of a key as it is stored; raises ``InvalidValue``."""


def plain(key: bytes, value: Any) -> bytes:
    """Return a value that is stored without a codec."""
    return as_value(value)


def as_change(
    operation: Sequence[object], policy_of: Callable[[bytes], Policy], encode: Encode = plain
) -> tuple[Change, WritePath]:
    """Return the change that an operation (see ``CacheLayer.write_many``) stands for, and its path.

    Args:
        operation: the tuple.
        policy_of: returns the policy of a key: it gives a value that is set, or a counter that is
            begun, its expiry, unless the operation has a ttl of its own.
        encode: encodes values.

    Raises:
        InvalidKey, InvalidValue: it is not a valid operation.
    """
    change = _parsed(operation, encode)
    policy = policy_of(change.key)
    if policy.ttl is not None and change.op is not Op.DELETE and _takes_default(operation):
        change = change._replace(expires_at=policy.deadline())
    return change, policy.path


def _takes_default(operation: Sequence[object]) -> bool:
    name, count = operation[0], len(operation)
    return (
        name == "incr" or (name in ("set", "add") and count == 3) or (name == "cas" and count == 4)
    )


def _condition(only: object) -> int | None:
    if only is None:
        return None
    try:
        return int(ExpireOnly[only.upper()])  # type: ignore[attr-defined]
    except (KeyError, AttributeError):
        raise InvalidValue(
            f"an expire is only 'nx', 'xx', 'gt' or 'lt', not {reprlib.repr(only)}"
        ) from None


def _parsed(operation: Sequence[Any], encode: Encode) -> Change:
    match operation:
        case ("set", key, value):
            return Change(Op.SET, its := as_key(key), encode(its, value))
        case ("set", key, value, ttl):
            return Change(Op.SET, its := as_key(key), encode(its, value), deadline_of(ttl))
        case ("add", key, value, *rest) if len(rest) <= 1:
            until = deadline_of(*rest) if rest else None
            return Change(Op.SET, its := as_key(key), encode(its, value), until, is_absent)
        case ("cas", key, old, new, *rest) if len(rest) <= 1:
            its = as_key(key)
            condition = equals(None if old is None else encode(its, old))
            until = deadline_of(*rest) if rest else None
            if new is None:
                return Change(Op.DELETE, its, None, None, condition)
            return Change(Op.SET, its, encode(its, new), until, condition)
        case ("incr", key, amount):
            return Change(Op.INCR, as_key(key), as_amount(amount))
        case ("incr", key):
            return Change(Op.INCR, as_key(key), 1)
        case ("expire", key, ttl) if ttl is not None:
            return Change(Op.EXPIRE, as_key(key), None, deadline_of(ttl))
        case ("expire", key, ttl, only) if ttl is not None:
            return Change(Op.EXPIRE, as_key(key), _condition(only), deadline_of(ttl))
        case ("persist", key):
            return Change(Op.EXPIRE, as_key(key), None)
        case ("delete", key) | ("delete", key, _):
            return Change(Op.DELETE, as_key(key), None)
    raise InvalidValue(
        f"cannot read the operation {reprlib.repr(operation)}: write ('set', key, value),"
        " ('set', key, value, ttl), ('incr', key, amount), ('expire', key, ttl),"
        " ('expire', key, ttl, only), ('persist', key), ('delete', key), ('add', key, value, ttl)"
        " or ('cas', key, old, new, ttl)"
    )
