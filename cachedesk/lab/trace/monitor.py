"""What ``redis-cli MONITOR`` prints: every command of a real Redis, as its clients sent it.

    1339518083.107412 [0 127.0.0.1:60866] "incr" "views:article:1"

(https://redis.io/docs/latest/commands/monitor/.) A command of a script is there too, with ``lua``
for its client, and is taken; the script itself is not. Nothing expires here, so ``EXPIRE`` has no
meaning and ``SETEX`` is a set. Whether a conditional write (``SETNX``, ``SET … NX``) was done is
not in the trace, so it is skipped. Keys of a database other than 0 begin with ``db1:`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from cachedesk.lab.operations import Operation
from cachedesk.lab.trace.record import (
    NOTHING,
    Record,
    Wrong,
    add,
    amount_of,
    delete,
    get,
    put,
    record,
    shown,
)

LINE = re.compile(rb'(?P<at>\d{1,12}\.\d{1,9}) \[(?P<db>\d{1,6}) (?P<client>.*?)\] (?P<args>".*)')

_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ARGUMENTS = re.compile(rb'(?:"(?:[^"\\]|\\.)*" ?)+')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def parse(line: bytes) -> Record:
    """Return what one line says."""
    line = line.rstrip(b"\r\n")
    if not line or line == b"OK":
        return NOTHING
    match = LINE.fullmatch(line)
    if match is None or not _ARGUMENTS.fullmatch(match["args"]):
        raise Wrong(
            'it is no line of MONITOR, like 1339518083.107412 [0 127.0.0.1:60866] "get" "a"'
        )
    name, *arguments = (_unescaped(found) for found in _ARGUMENT.findall(match["args"]))
    at, command = float(match["at"]), name.upper().decode(errors="replace")
    take = _COMMANDS.get(command)
    operations = take(arguments) if take is not None else None
    if operations is None:
        return Record((), at, _named(command, arguments))
    if match["db"] != b"0":
        prefix = b"db%s:" % match["db"]
        operations = [operation._replace(key=prefix + operation.key) for operation in operations]
    return record(at, *operations)


def _unescaped(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(
        lambda found: (
            bytes.fromhex(found[1][1:].decode())
            if len(found[1]) == 3
            else _PLAIN.get(found[1], found[1])
        ),
        text,
    )


def _named(command: str, arguments: Sequence[bytes]) -> str:
    """Return what a command that is skipped is counted as."""
    if command == "SET":
        return "SET NX/XX"
    return command if command.isalnum() and len(command) <= 30 else shown(command)


Taken = Sequence[Operation] | None


Take = Callable[[Sequence[bytes]], Taken]


def _needs(count: int, take: Take) -> Take:
    def checked(arguments: Sequence[bytes]) -> Taken:
        if len(arguments) < count:
            # Redis shows what it was sent, wrong or not.
            return None
        return take(arguments)

    return checked


def _set(arguments: Sequence[bytes]) -> Taken:
    key, value, *options = arguments
    words = {option.upper() for option in options}
    if words & {b"NX", b"XX"}:
        return None
    return [get(key), put(key, value)] if b"GET" in words else [put(key, value)]


def _mset(arguments: Sequence[bytes]) -> Taken:
    if len(arguments) % 2:
        return None
    return [put(key, value) for key, value in zip(arguments[::2], arguments[1::2], strict=True)]


def _expire(arguments: Sequence[bytes]) -> Taken:
    # At once is a delete; later has no meaning here.
    return [delete(arguments[0])] if arguments[1].startswith((b"-", b"0")) else None


_get = _needs(1, lambda arguments: [get(arguments[0])])
_get_all = _needs(1, lambda arguments: [get(key) for key in arguments])
_delete = _needs(1, lambda arguments: [delete(key) for key in arguments])
_setex = _needs(3, lambda arguments: [put(arguments[0], arguments[2])])

_COMMANDS: dict[str, Callable[[Sequence[bytes]], Taken]] = {
    "GET": _get,
    "GETRANGE": _get,
    "SUBSTR": _get,
    "STRLEN": _get,
    "GETEX": _get,
    "MGET": _get_all,
    "EXISTS": _get_all,
    "SET": _needs(2, _set),
    "SETEX": _setex,
    "PSETEX": _setex,
    "GETSET": _needs(2, lambda arguments: [get(arguments[0]), put(arguments[0], arguments[1])]),
    "GETDEL": _needs(1, lambda arguments: [get(arguments[0]), delete(arguments[0])]),
    "MSET": _needs(2, _mset),
    "INCR": _needs(1, lambda arguments: [add(arguments[0], 1)]),
    "DECR": _needs(1, lambda arguments: [add(arguments[0], -1)]),
    "INCRBY": _needs(2, lambda arguments: [add(arguments[0], amount_of(arguments[1]))]),
    "DECRBY": _needs(2, lambda arguments: [add(arguments[0], amount_of(b"-" + arguments[1]))]),
    "DEL": _delete,
    "UNLINK": _delete,
    "EXPIRE": _needs(2, _expire),
    "PEXPIRE": _needs(2, _expire),
}
"""What the commands come to here; any other is skipped, and counted by its name."""
