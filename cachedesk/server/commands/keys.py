"""Commands about keys: whether they exist, when they expire, and which there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from cachedesk.core.clock import machine_seconds
from cachedesk.core.conditions import is_present
from cachedesk.server.arguments import NOT_AN_INTEGER, SYNTAX, deadline_from, key_of, number_of
from cachedesk.server.commands.strings import expire, gone
from cachedesk.server.plan import CommandError, Effect, Keyspace, Plan, Survey, Sweep, View
from cachedesk.server.replies import Reply, Status
from cachedesk.server.session import Host, Session

Arguments = Sequence[bytes]
_CONDITIONS = (b"NX", b"XX", b"GT", b"LT")
_SCAN_KEYS = 10
_MOST_SCANNED = 10_000


def delete(arguments: Arguments) -> Plan:
    """``DEL key [key ...]``, ``UNLINK key [key ...]``"""
    keys = list(dict.fromkeys(key_of(each) for each in arguments))

    effect = Effect(
        None,
        [gone(key)._replace(only_if=is_present) for key in keys],
        lambda receipts: sum(receipt.changed for receipt in receipts),
    )
    return Plan(lambda view: effect, writes=keys)


def exists(arguments: Arguments) -> Plan:
    """``EXISTS key [key ...]``, ``TOUCH key [key ...]``: a key counts as often as it is named."""
    keys = [key_of(each) for each in arguments]

    def decide(view: View) -> Effect:
        return Effect(sum(view.value(key) is not None for key in keys))

    return Plan(decide, reads=keys)


def type_(arguments: Arguments) -> Plan:
    """``TYPE key``"""
    key = key_of(arguments[0])

    def decide(view: View) -> Effect:
        return Effect(Status("none" if view.value(key) is None else "string"))

    return Plan(decide, reads=(key,))


def _expire(unit: bytes, name: str, arguments: Arguments) -> Plan:
    key = key_of(arguments[0])
    given = {each.upper() for each in arguments[2:]}
    for option in arguments[2:]:
        if option.upper() not in _CONDITIONS:
            shown = option.decode(errors="replace")
            raise CommandError(f"ERR Unsupported option {shown}")
    if b"NX" in given and len(given) > 1:
        raise CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {b"GT", b"LT"} <= given:
        raise CommandError("ERR GT and LT options at the same time are not compatible")
    at = deadline_from(number_of(arguments[1]), unit, name)

    def decide(view: View) -> Effect:
        if view.value(key) is None:
            return Effect(0)
        before = view.expires_at(key)
        refused = (
            (b"NX" in given and before is not None)
            or (b"XX" in given and before is None)
            # A key that never expires counts as one that expires in infinite time.
            or (b"GT" in given and (before is None or at <= before))
            or (b"LT" in given and before is not None and at >= before)
        )
        return Effect(0) if refused else Effect(1, expire(key, at))

    return Plan(decide, writes=(key,), exact=(key,))


expire_in: Callable[[Arguments], Plan] = partial(_expire, b"EX", "expire")
pexpire: Callable[[Arguments], Plan] = partial(_expire, b"PX", "pexpire")
expireat: Callable[[Arguments], Plan] = partial(_expire, b"EXAT", "expireat")
pexpireat: Callable[[Arguments], Plan] = partial(_expire, b"PXAT", "pexpireat")


def persist(arguments: Arguments) -> Plan:
    """``PERSIST key``"""
    key = key_of(arguments[0])

    def decide(view: View) -> Effect:
        if view.value(key) is None or view.expires_at(key) is None:
            return Effect(0)
        return Effect(1, expire(key, None))

    return Plan(decide, writes=(key,), exact=(key,))


def _expiry(shown: Callable[[float, float], int], arguments: Arguments) -> Plan:
    key = key_of(arguments[0])

    def decide(view: View) -> Effect:
        if view.value(key) is None:
            return Effect(-2)
        at = view.expires_at(key)
        return Effect(-1 if at is None else shown(at, view.now))

    return Plan(decide, exact=(key,))


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 0)


def _seconds(seconds: float) -> int:
    return (_milliseconds(seconds) + 500) // 1000


ttl = partial(_expiry, lambda at, now: _seconds(at - now))
pttl = partial(_expiry, lambda at, now: _milliseconds(at - now))
expiretime = partial(_expiry, lambda at, now: _seconds(machine_seconds(at)))
pexpiretime = partial(_expiry, lambda at, now: _milliseconds(machine_seconds(at)))


def keys(arguments: Arguments) -> Survey:
    """``KEYS pattern``"""
    pattern = arguments[0]
    return Survey(lambda keyspace: keyspace.keys(pattern))


def flush(host: Host, session: Session, arguments: Arguments) -> Sweep:
    """``FLUSHDB``, ``FLUSHALL``: delete every key, from the database too."""
    if not host.allows_flush:
        raise CommandError(
            "ERR unsupported by cachedesk: FLUSHDB deletes every key from the database; start the"
            " server with --allow-flush to permit that"
        )
    if [each.upper() for each in arguments] not in ([], [b"SYNC"], [b"ASYNC"]):
        raise CommandError(SYNTAX)
    return Sweep()


def dbsize(arguments: Arguments) -> Survey:
    """``DBSIZE``"""
    return Survey(lambda keyspace: keyspace.count())


def scan(arguments: Arguments) -> Survey:
    """``SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]``"""
    from cachedesk.server.glob import matcher

    cursor = number_of(arguments[0], "ERR invalid cursor")
    if cursor < 0:
        raise CommandError("ERR invalid cursor")
    matches: Callable[[bytes], bool] = lambda key: True  # noqa: E731
    most, strings = _SCAN_KEYS, True
    options = arguments[1:]
    if len(options) % 2:
        raise CommandError(SYNTAX)
    for name, value in zip(options[::2], options[1::2], strict=True):
        match name.upper():
            case b"MATCH":
                matches = matcher(value)
            case b"COUNT":
                most = number_of(value, NOT_AN_INTEGER)
                if most < 1:
                    raise CommandError(SYNTAX)
            case b"TYPE":
                strings = value.lower() == b"string"
            case _:
                raise CommandError(SYNTAX)

    def run(keyspace: Keyspace) -> Reply:
        following, found = keyspace.scan(cursor, min(most, _MOST_SCANNED))
        return [b"%d" % following, [key for key in found if strings and matches(key)]]

    return Survey(run)
