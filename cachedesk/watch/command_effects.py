"""What each command of Redis means for the hit rate: which keys it reads, fills or removes.

A read here is what the server counts in ``keyspace_hits`` or ``keyspace_misses``, key by key: a
hash without the field that is asked for is a hit, and ``EXISTS`` and ``TTL`` count as well.
(https://redis.io/docs/latest/commands/.)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class Effect(Enum):
    """What happens to one key."""

    READ = "read"
    """It is read; the server counts a hit or a miss."""
    FILL = "fill"
    """It is written as a whole or in good part, as after a miss: it is there afterwards."""
    CHANGE = "change"
    """It is changed on the spot, as a counter: it is there afterwards."""
    REMOVE = "remove"
    """It is not there afterwards."""
    UNSURE = "unsure"
    """It may be there afterwards, or not."""
    FORGET_ALL = "forget all"
    """No key is there afterwards; it has no key of its own."""


Effects = Sequence[tuple[Effect, bytes]]

_READ_FIRST = frozenset(
    b"GET STRLEN GETRANGE SUBSTR GETBIT BITCOUNT BITPOS BITFIELD_RO HGET HMGET HGETALL HEXISTS"
    b" HKEYS HVALS HLEN HSTRLEN HSCAN HRANDFIELD LRANGE LLEN LINDEX LPOS SMEMBERS SISMEMBER"
    b" SMISMEMBER SCARD SRANDMEMBER SSCAN ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE"
    b" ZRANGEBYLEX ZREVRANGEBYLEX ZSCORE ZMSCORE ZRANK ZREVRANK ZCARD ZCOUNT ZLEXCOUNT ZSCAN"
    b" ZRANDMEMBER XRANGE XREVRANGE XLEN TYPE TTL PTTL EXPIRETIME PEXPIRETIME DUMP GEOPOS"
    b" GEODIST GEOHASH GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO SORT_RO GETEX".split()
)
_READ_ALL = frozenset(b"MGET EXISTS TOUCH SINTER SUNION SDIFF PFCOUNT".split())
_READ_SECOND = frozenset(b"OBJECT".split())
_FILL_FIRST = frozenset(
    b"SET SETEX PSETEX SETNX HSET HMSET HSETEX SADD ZADD RPUSH LPUSH GEOADD RESTORE".split()
)
_CHANGE_FIRST = frozenset(
    b"INCR INCRBY INCRBYFLOAT DECR DECRBY APPEND SETRANGE SETBIT HINCRBY HINCRBYFLOAT HSETNX"
    b" ZINCRBY XADD PFADD".split()
)
_REMOVE_ALL = frozenset(b"DEL UNLINK".split())
_UNSURE_FIRST = frozenset(
    b"LPOP RPOP SPOP SREM HDEL ZREM ZPOPMIN ZPOPMAX LREM LTRIM MOVE MIGRATE BITFIELD DELEX DELIFEQ"
    b" ZREMRANGEBYSCORE ZREMRANGEBYRANK ZREMRANGEBYLEX LSET LPUSHX RPUSHX GETDEL".split()
)
_UNSURE_BOTH = frozenset(
    b"RENAME RENAMENX COPY RPOPLPUSH LMOVE SMOVE SINTERSTORE SUNIONSTORE SDIFFSTORE ZUNIONSTORE"
    b" ZINTERSTORE ZRANGESTORE BITOP SORT GEOSEARCHSTORE PFMERGE".split()
)
_GONE_BY_TIME = frozenset(b"EXPIRE PEXPIRE EXPIREAT PEXPIREAT".split())


def effects_of(words: Sequence[bytes]) -> Effects:
    """Return what a command does to which key, in order; nothing for one that matters to none.

    Args:
        words: the command and its arguments, as the client sent them.
    """
    name, arguments = words[0].upper(), words[1:]
    if not arguments:
        return ((Effect.FORGET_ALL, b""),) if name in (b"FLUSHALL", b"FLUSHDB") else ()
    first = arguments[0]
    if name == b"GET" or name in _READ_FIRST:
        return ((Effect.READ, first),)
    if name == b"SET":
        return _set(first, arguments[2:])
    if name in _FILL_FIRST:
        return ((Effect.FILL, first),)
    if name in _CHANGE_FIRST:
        return ((Effect.CHANGE, first),)
    return _rarer(name, arguments)


def _rarer(name: bytes, arguments: Sequence[bytes]) -> Effects:
    first = arguments[0]
    if name in _READ_ALL:
        return [(Effect.READ, key) for key in arguments]
    if name == b"MSET":
        return [(Effect.FILL, key) for key in arguments[::2]]
    if name in _REMOVE_ALL:
        return [(Effect.REMOVE, key) for key in arguments]
    if name == b"GETSET":
        return ((Effect.READ, first), (Effect.CHANGE, first))
    if name == b"GETDEL":
        return ((Effect.READ, first), (Effect.REMOVE, first))
    if name in _READ_SECOND:
        return [(Effect.READ, key) for key in arguments[1:2]]
    if name in _UNSURE_FIRST:
        return ((Effect.UNSURE, first),)
    if name in _UNSURE_BOTH:
        return [(Effect.UNSURE, key) for key in arguments[:2]]
    if name in _GONE_BY_TIME:
        # A deadline in the past removes the key; a number is all there is to see it by.
        gone = len(arguments) > 1 and arguments[1].startswith((b"-", b"0"))
        return ((Effect.UNSURE, first),) if gone else ()
    if name in (b"FLUSHALL", b"FLUSHDB"):
        return ((Effect.FORGET_ALL, b""),)
    return ()


def _set(key: bytes, options: Sequence[bytes]) -> Effects:
    flags = {option.upper() for option in options}
    after = Effect.UNSURE if flags & {b"XX", b"IFEQ", b"IFNE"} else Effect.FILL
    if b"GET" in flags:
        return ((Effect.READ, key), (Effect.CHANGE if after is Effect.FILL else after, key))
    return ((after, key),)
