"""Commands that read and write the value of a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cachedesk.core.clock import wall_seconds
from cachedesk.core.conditions import Condition, is_absent, is_present
from cachedesk.core.events import COUNTER_MIN, Op
from cachedesk.core.writes import Change, Receipt
from cachedesk.server.arguments import (
    SYNTAX,
    Expiry,
    deadline_from,
    key_of,
    number_of,
    value_of,
)
from cachedesk.server.plan import CommandError, Effect, Plan, View
from cachedesk.server.replies import OK, Reply

Arguments = Sequence[bytes]


def get(arguments: Arguments) -> Plan:
    """``GET key``"""
    key = key_of(arguments[0])
    return Plan(lambda view: Effect(view.value(key)), reads=(key,))


def mget(arguments: Arguments) -> Plan:
    """``MGET key [key ...]``"""
    keys = [key_of(each) for each in arguments]
    return Plan(lambda view: Effect([view.value(key) for key in keys]), reads=keys)


def strlen(arguments: Arguments) -> Plan:
    """``STRLEN key``"""
    key = key_of(arguments[0])
    return Plan(lambda view: Effect(len(view.value(key) or b"")), reads=(key,))


def set_(arguments: Arguments) -> Plan:
    """``SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]``"""
    key, value = key_of(arguments[0]), value_of(arguments[1])
    options = arguments[2:]
    expiry = Expiry("set", b"KEEPTTL")
    flags: set[bytes] = set()
    place = 0
    while place < len(options):
        taken = expiry.take(options, place)
        if not taken:
            flag = options[place].upper()
            if flag not in (b"NX", b"XX", b"GET") or {flag} | flags >= {b"NX", b"XX"}:
                raise CommandError(SYNTAX)
            flags.add(flag)
            taken = 1
        place += taken
    at = expiry.deadline()
    if not flags and not expiry.instead:
        return Plan(lambda view: Effect(OK, fresh(view, key, value, at)), writes=(key,))

    if not expiry.instead and b"GET" not in flags:
        condition = is_absent if b"NX" in flags else is_present
        return _set_if(key, value, at, condition, lambda made: OK if made else None)

    def decide(view: View) -> Effect:
        old = view.value(key)
        refused = old is not None if b"NX" in flags else b"XX" in flags and old is None
        if refused:
            return Effect(old if b"GET" in flags else None)
        reply = old if b"GET" in flags else OK
        if expiry.instead and old is not None:
            return Effect(reply, put(key, value, view.expires_at(key)))
        return Effect(reply, fresh(view, key, value, at))

    needed = (key,)
    if expiry.instead:
        return Plan(decide, writes=needed, exact=needed)
    return Plan(decide, writes=needed, reads=needed)


def setex(arguments: Arguments) -> Plan:
    """``SETEX key seconds value``"""
    return _set_for(arguments, b"EX", "setex")


def psetex(arguments: Arguments) -> Plan:
    """``PSETEX key milliseconds value``"""
    return _set_for(arguments, b"PX", "psetex")


def _set_for(arguments: Arguments, unit: bytes, name: str) -> Plan:
    key, value = key_of(arguments[0]), value_of(arguments[2])
    number = number_of(arguments[1])
    if number <= 0:
        raise CommandError(f"ERR invalid expire time in '{name}' command")
    at = deadline_from(number, unit, name)
    return Plan(lambda view: Effect(OK, put(key, value, at)), writes=(key,))


def setnx(arguments: Arguments) -> Plan:
    """``SETNX key value``"""
    key, value = key_of(arguments[0]), value_of(arguments[1])
    return _set_if(key, value, None, is_absent, int)


def _set_if(
    key: bytes,
    value: bytes,
    at: float | None,
    condition: Condition,
    reply_to: Callable[[bool], Reply],
) -> Plan:
    """Return the plan of a set under a condition, which is evaluated in the commit itself."""

    def decide(view: View) -> Effect:
        changes = [it._replace(only_if=condition) for it in fresh(view, key, value, at)]
        return Effect(None, changes, lambda receipts: reply_to(receipts[0].changed))

    return Plan(decide, writes=(key,))


def getset(arguments: Arguments) -> Plan:
    """``GETSET key value``"""
    key, value = key_of(arguments[0]), value_of(arguments[1])
    return Plan(
        lambda view: Effect(view.value(key), fresh(view, key, value)), writes=(key,), reads=(key,)
    )


def getdel(arguments: Arguments) -> Plan:
    """``GETDEL key``"""
    key = key_of(arguments[0])

    def decide(view: View) -> Effect:
        old = view.value(key)
        return Effect(old, () if old is None else (gone(key),))

    return Plan(decide, writes=(key,), reads=(key,))


def getex(arguments: Arguments) -> Plan:
    """``GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]``"""
    key, options = key_of(arguments[0]), arguments[1:]
    expiry = Expiry("getex", b"PERSIST")
    place = 0
    while place < len(options):
        taken = expiry.take(options, place)
        if not taken:
            raise CommandError(SYNTAX)
        place += taken
    if not expiry.given:
        return get(arguments)
    at = expiry.deadline()

    def decide(view: View) -> Effect:
        value = view.value(key)
        if value is None or (expiry.instead and view.expires_at(key) is None):
            return Effect(value)
        return Effect(value, expire(key, at))

    return Plan(decide, writes=(key,), exact=(key,))


def mset(arguments: Arguments) -> Plan:
    """``MSET key value [key value ...]``"""
    pairs = _pairs(arguments, "mset")

    def decide(view: View) -> Effect:
        return Effect(OK, [fresh(view, key, value)[0] for key, value in pairs])

    return Plan(decide, writes=[key for key, _ in pairs])


def msetnx(arguments: Arguments) -> Plan:
    """``MSETNX key value [key value ...]``"""
    pairs = _pairs(arguments, "msetnx")
    keys = [key for key, _ in pairs]

    def decide(view: View) -> Effect:
        if any(view.value(key) is not None for key in keys):
            return Effect(0)
        return Effect(1, [fresh(view, key, value)[0] for key, value in pairs])

    return Plan(decide, writes=keys, reads=keys)


def _pairs(arguments: Arguments, name: str) -> list[tuple[bytes, bytes]]:
    if len(arguments) % 2:
        raise CommandError(f"ERR wrong number of arguments for '{name}' command")
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return [(key_of(key), value_of(value)) for key, value in pairs]


def incr(arguments: Arguments) -> Plan:
    """``INCR key``"""
    return _add(arguments[0], 1)


def decr(arguments: Arguments) -> Plan:
    """``DECR key``"""
    return _add(arguments[0], -1)


def incrby(arguments: Arguments) -> Plan:
    """``INCRBY key increment``"""
    return _add(arguments[0], number_of(arguments[1]))


def decrby(arguments: Arguments) -> Plan:
    """``DECRBY key decrement``"""
    number = number_of(arguments[1])
    if number == COUNTER_MIN:
        raise CommandError("ERR decrement would overflow")
    return _add(arguments[0], -number)


def _add(argument: bytes, amount: int) -> Plan:
    key = key_of(argument)

    def decide(view: View) -> Effect:
        return Effect(None, (Change(Op.INCR, key, amount, view.default_expiry(key)),), _sum)

    return Plan(decide, writes=(key,))


def _sum(receipts: Sequence[Receipt]) -> Reply:
    return int(receipts[0].value or 0)


def fresh(view: View, key: bytes, value: bytes, at: float | None = None) -> tuple[Change, ...]:
    """Return the change that sets ``key`` as if nothing was there: it expires ``at`` a time, or
    else as its policy says."""
    if at is None:
        return (Change(Op.SET, key, value, view.default_expiry(key)),)
    return put(key, value, at)


def put(key: bytes, value: bytes, expires_at: float | None = None) -> tuple[Change, ...]:
    """Return the change that sets ``key``; with a deadline in the past, the one that deletes it."""
    if expires_at is not None and expires_at <= wall_seconds():
        return (gone(key),)
    return (Change(Op.SET, key, value, expires_at),)


def expire(key: bytes, expires_at: float | None) -> tuple[Change, ...]:
    """Return the change of the expiry of ``key``; as for ``put``."""
    if expires_at is not None and expires_at <= wall_seconds():
        return (gone(key),)
    return (Change(Op.EXPIRE, key, None, expires_at),)


def gone(key: bytes) -> Change:
    """Return the change that deletes ``key``."""
    return Change(Op.DELETE, key, None)


def time_now(arguments: Arguments) -> Reply:
    """``TIME``"""
    now = time.time_ns() // 1_000
    return [b"%d" % (now // 1_000_000), b"%d" % (now % 1_000_000)]
