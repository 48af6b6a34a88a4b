"""Translates commands of Redis into operations, or gives the reason why there are none.

A capture holds what clients sent, valid or not: a command that Redis refuses at run time (an
increment by ``1.5``) is in it too, and changed nothing. Commands whose outcome a capture does not
show are left out: conditional writes (``SETNX``, ``SET … NX``), and commands whose result depends
on a value (``APPEND``, ``RENAME``). (https://redis.io/docs/latest/commands/.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cachedesk.core.events import COUNTER_MAX, COUNTER_MIN
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.trace.record import KEPT, add, delete, expire, get, persist, put


class Translation(NamedTuple):
    """The operations of a command. ``differs``: the command is left out in whole or in part, and
    the end state differs from the source's because of it. ``expires``: it gives an expiry.
    ``refused``: Redis refused it too."""

    operations: Sequence[Operation] = ()
    differs: bool = False
    expires: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A command as it was sent. ``at_ms``: the time in milliseconds. ``live``: the keys of its
    database that were written so far and not deleted; ``None``: there are too many to track.
    ``everywhere``: returns those of all databases, with their prefixes."""

    name: str
    arguments: Sequence[bytes]
    at_ms: float
    live: Collection[bytes] | None
    everywhere: Callable[[], Sequence[bytes] | None]


MEANINGLESS = Translation()
REFUSED = Translation(refused=True)
DIFFERS = Translation(differs=True)

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")


def translated(sent: Sent) -> Translation:
    """Return the translation of ``sent``."""
    take = _COMMANDS.get(sent.name)
    if take is not None:
        return take(sent)
    if sent.name in _DIFFERENT:
        return DIFFERS
    return _overwritten(sent) if sent.name.endswith("STORE") else MEANINGLESS


def integer(text: bytes) -> int | None:
    """Return ``text`` as Redis reads an integer: 64 bits, digits only; ``None`` if invalid."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if COUNTER_MIN <= number <= COUNTER_MAX else None


def _exactly(count: int, make: Callable[..., Sequence[Operation]]) -> Callable[[Sent], Translation]:
    def take(sent: Sent) -> Translation:
        return Translation(make(*sent.arguments)) if len(sent.arguments) == count else REFUSED

    return take


def _each(make: Callable[[bytes], Operation]) -> Callable[[Sent], Translation]:
    def take(sent: Sent) -> Translation:
        return Translation([make(key) for key in sent.arguments]) if sent.arguments else REFUSED

    return take


def _added(sign: int) -> Callable[[Sent], Translation]:
    def take(sent: Sent) -> Translation:
        amount = integer(sent.arguments[1]) if len(sent.arguments) == 2 else None
        if amount is None or not COUNTER_MIN <= sign * amount <= COUNTER_MAX:
            return REFUSED
        return Translation([add(sent.arguments[0], sign * amount)])

    return take


def _mset(sent: Sent) -> Translation:
    words = sent.arguments
    if not words or len(words) % 2:
        return REFUSED
    return Translation(
        [put(key, value) for key, value in zip(words[::2], words[1::2], strict=True)]
    )


class _Options(NamedTuple):
    """The options after a key: ``flags``, and the deadline of its expiry, if it has one."""

    flags: frozenset[bytes]
    deadline_ms: float | None


_CONDITIONS = frozenset({b"NX", b"XX", b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE"})
_COMPARING = frozenset({b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE"})
_FLAGS = frozenset({b"NX", b"XX", b"GET", b"KEEPTTL", b"PERSIST"})
_TIMES = {b"EX": (1000, False), b"PX": (1, False), b"EXAT": (1000, True), b"PXAT": (1, True)}


def _options(sent: Sent, words: Sequence[bytes]) -> _Options | None:
    """Return the options in ``words``; ``None`` if Redis refuses them."""
    flags: set[bytes] = set()
    deadline: float | None = None
    rest = iter(words)
    for word in map(bytes.upper, rest):
        if word in _FLAGS:
            flags.add(word)
        elif word in _COMPARING:
            flags.add(word)
            if next(rest, None) is None:
                return None
        elif word in _TIMES and deadline is None:
            number = integer(next(rest, b""))
            if number is None or number <= 0:
                return None
            factor, absolute = _TIMES[word]
            deadline = number * factor + (0 if absolute else sent.at_ms)
        else:
            return None
    return _Options(frozenset(flags), deadline)


def _set(sent: Sent) -> Translation:
    if len(sent.arguments) < 2 or (options := _options(sent, sent.arguments[2:])) is None:
        return REFUSED
    key, value = sent.arguments[:2]
    if options.flags & _CONDITIONS:
        return DIFFERS
    before = [get(key)] if b"GET" in options.flags else []
    ttl = KEPT if b"KEEPTTL" in options.flags else _ttl(sent, options.deadline_ms)
    return _until(sent, options.deadline_ms, before, [put(key, value, ttl)], [delete(key)])


def _getex(sent: Sent) -> Translation:
    if not sent.arguments or (options := _options(sent, sent.arguments[1:])) is None:
        return REFUSED
    key = sent.arguments[0]
    then = [persist(key)] if b"PERSIST" in options.flags else []
    if (ttl := _ttl(sent, options.deadline_ms)) is not None:
        then = [expire(key, ttl)]
    return _until(sent, options.deadline_ms, [get(key)], then, [delete(key)])


def _setex(sent: Sent) -> Translation:
    if len(sent.arguments) != 3:
        return REFUSED
    key, period, value = sent.arguments
    number = integer(period)
    if number is None or number <= 0:
        return REFUSED
    ttl = float(number) if sent.name == "SETEX" else number / 1000
    return Translation([put(key, value, ttl)], expires=True)


def _ttl(sent: Sent, deadline_ms: float | None) -> float | None:
    return None if deadline_ms is None else (deadline_ms - sent.at_ms) / 1000


def _until(
    sent: Sent,
    deadline_ms: float | None,
    before: list[Operation],
    then: list[Operation],
    gone: list[Operation],
) -> Translation:
    if deadline_ms is None:
        return Translation([*before, *then])
    if deadline_ms <= sent.at_ms:
        return Translation([*before, *gone])
    return Translation([*before, *then], expires=True)


def _expire(factor: int, *, absolute: bool) -> Callable[[Sent], Translation]:
    def take(sent: Sent) -> Translation:
        if len(sent.arguments) < 2:
            return REFUSED
        key, period, *conditions = sent.arguments
        number = integer(period)
        if number is None:
            return REFUSED
        deadline = number * factor + (0 if absolute else sent.at_ms)
        if conditions:
            # Whether the condition (NX, XX, GT, LT) is met depends on the key's own deadline.
            return DIFFERS
        then = [expire(key, (deadline - sent.at_ms) / 1000)]
        return _until(sent, deadline, [], then, [delete(key)])

    return take


def _flush(*, all_databases: bool) -> Callable[[Sent], Translation]:
    def take(sent: Sent) -> Translation:
        if len(sent.arguments) > 1 or {*map(bytes.upper, sent.arguments)} - {b"ASYNC", b"SYNC"}:
            return REFUSED
        keys = sent.everywhere() if all_databases else sent.live
        return DIFFERS if keys is None else Translation([delete(key) for key in keys])

    return take


def _is_live(sent: Sent, key: bytes) -> bool:
    return sent.live is None or key in sent.live


def _rename(sent: Sent) -> Translation:
    if len(sent.arguments) != 2:
        return REFUSED
    old, new = sent.arguments
    if old == new or not (_is_live(sent, old) or _is_live(sent, new)):
        return MEANINGLESS
    if sent.name == "RENAMENX":
        return DIFFERS
    # Both keys change; the value of the new one is not known.
    return Translation([delete(old), delete(new)], differs=True)


def _copy(sent: Sent) -> Translation:
    if len(sent.arguments) < 2:
        return REFUSED
    return DIFFERS if any(_is_live(sent, key) for key in sent.arguments[:2]) else MEANINGLESS


def _overwritten(sent: Sent) -> Translation:
    """Translate a command that stores a list, set or sorted set at its first argument."""
    if not sent.arguments or not _is_live(sent, sent.arguments[0]):
        return MEANINGLESS
    return Translation([delete(sent.arguments[0])])


def _replicate(sent: Sent) -> Translation:
    alone = [word.upper() for word in sent.arguments] == [b"NO", b"ONE"]
    return MEANINGLESS if alone else DIFFERS


_COMMANDS: dict[str, Callable[[Sent], Translation]] = {
    "GET": _exactly(1, lambda key: [get(key)]),
    "STRLEN": _exactly(1, lambda key: [get(key)]),
    "GETRANGE": _exactly(3, lambda key, *_: [get(key)]),
    "SUBSTR": _exactly(3, lambda key, *_: [get(key)]),
    "GETEX": _getex,
    "MGET": _each(get),
    "EXISTS": _each(get),
    "SET": _set,
    "SETEX": _setex,
    "PSETEX": _setex,
    "GETSET": _exactly(2, lambda key, value: [get(key), put(key, value)]),
    "GETDEL": _exactly(1, lambda key: [get(key), delete(key)]),
    "MSET": _mset,
    "INCR": _exactly(1, lambda key: [add(key, 1)]),
    "DECR": _exactly(1, lambda key: [add(key, -1)]),
    "INCRBY": _added(1),
    "DECRBY": _added(-1),
    "DEL": _each(delete),
    "UNLINK": _each(delete),
    "EXPIRE": _expire(1000, absolute=False),
    "PEXPIRE": _expire(1, absolute=False),
    "EXPIREAT": _expire(1000, absolute=True),
    "PEXPIREAT": _expire(1, absolute=True),
    "PERSIST": _exactly(1, lambda key: [persist(key)]),
    "FLUSHALL": _flush(all_databases=True),
    "FLUSHDB": _flush(all_databases=False),
    "RENAME": _rename,
    "RENAMENX": _rename,
    "COPY": _copy,
    "SLAVEOF": _replicate,
    "REPLICAOF": _replicate,
}
"""The translation of each command; any other command is left out, and counted by its name."""

_DIFFERENT = frozenset(
    {
        "APPEND", "SETRANGE", "SETBIT", "BITOP", "BITFIELD", "INCRBYFLOAT", "SETNX", "MSETNX",
        "MSETEX", "RESTORE", "RESTORE-ASKING", "MOVE", "SWAPDB", "MIGRATE", "DELIFEQ", "DELEX",
        "INCREX",
    }
)  # fmt: skip
"""Commands that write values and whose outcome a capture does not show."""
