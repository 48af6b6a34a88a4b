"""The output of ``redis-cli MONITOR``: every command of a real Redis, as its clients sent it.

    1339518083.107412 [0 127.0.0.1:60866] "incr" "views:article:1"

(https://redis.io/docs/latest/commands/monitor/.) Redis 2.4 wrote ``(db 0)`` or nothing for the
client. Commands of a script are included, with ``lua`` as the client; the script itself is not.
A prefix before the time (``ts``, ``docker logs``) is ignored. Expiries are applied in the time of
the capture. Keys of a database other than 0 are prefixed with ``db1:`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace.commands import Sent, Translation, translated
from cachedesk.lab.trace.record import NOTHING, Malformed, TraceRecord, record, shown

MOST_LIVE = 1_000_000
"""The number of written keys that are tracked; with more, what FLUSHALL deletes is not known."""

_MOST_ARGUMENTS = 1024 * 1024
"""The most arguments that Redis accepts in one command."""

_HEAD = (
    rb"(?P<at>\d{1,12}\.\d{1,9})"
    rb"(?: \[(?P<db>\d{1,6}) (?P<client>.*?)\]| \(db (?P<old>\d{1,6})\))?"
    rb' (?P<args>".*)'
)
LINE = re.compile(_HEAD)
PREFIXED = re.compile(rb'(?:[^"\n]{0,300}?[^"\n\d.])??' + _HEAD)

_KEEPS = (Verb.GET, Verb.EXPIRE, Verb.PERSIST)
_OK = re.compile(rb"\+?OK")
_OTHERS = re.compile(
    rb"Warning: |AUTH failed|-?\(error\) |Error: |Could not connect|Unrecognized option"
    rb"|\(\d+\.\d+s\)$|(?:not connected|\S{1,255}:\d{1,5}(?:\[\d+\])?)> "
)
_ARGUMENT = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ARGUMENTS = re.compile(rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+" ?+)++')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def matches(line: bytes) -> bool:
    """Return whether ``line`` is a line of MONITOR; a line with a client may be truncated."""
    match = PREFIXED.match(line)
    if match is None:
        return False
    return match["db"] is not None or _ARGUMENTS.fullmatch(match["args"].rstrip()) is not None


def is_reply(line: bytes) -> bool:
    """Return whether ``line`` is the reply to MONITOR, or empty."""
    text = line.strip()
    return not text or _OK.fullmatch(text) is not None


def parse(line: bytes) -> TraceRecord:
    """Return the record of one line, as the first of a capture."""
    return Capture()(line)


def parser(share: float, seed: int) -> Callable[[bytes], TraceRecord]:
    """Return the parser of the lines of one capture, in order."""
    return Capture()


class Capture:
    """Reads one capture. It tracks the keys that were written, so that ``FLUSHALL`` can be
    translated into a delete of each."""

    def __init__(self) -> None:
        # By database; a dict keeps the insertion order.
        self._live: dict[bytes, dict[bytes, None]] | None = {}
        self._count = 0

    def __call__(self, line: bytes) -> TraceRecord:
        """Return the record of the next line.

        Raises:
            Malformed: it is not a line of MONITOR output.
        """
        line = line.rstrip(b"\r\n")
        if is_reply(line):
            return NOTHING
        match = LINE.fullmatch(line) or PREFIXED.fullmatch(line)
        if match is None or not _ARGUMENTS.fullmatch(match["args"]):
            if _OTHERS.match(line):
                return TraceRecord(skipped="(words of redis-cli)")
            raise Malformed(
                'not a line of MONITOR output, like 1339518083.107412 [0 127.0.0.1:60866] "get" "a"'
            )
        at = float(match["at"])
        if match["args"].count(b'" "') >= _MOST_ARGUMENTS:
            return TraceRecord((), at, "(a command with over 1,048,576 arguments)", differs=True)
        name, *arguments = (_unescaped(found) for found in _ARGUMENT.findall(match["args"]))
        return self._translated(match["db"] or match["old"] or b"0", name, arguments, at)

    def _translated(
        self, db: bytes, name: bytes, arguments: Sequence[bytes], at: float
    ) -> TraceRecord:
        live = None if self._live is None else self._live.get(db, {})
        command = name.upper().decode(errors="replace")
        # Redis compares whole milliseconds.
        sent = Sent(command, arguments, at * 1000 // 1, live, self._everywhere)
        found = translated(sent)
        called = _named(command, found)
        if not found.operations and not found.expires:
            return TraceRecord((), at, called, differs=found.differs)
        operations = found.operations
        if command == "FLUSHALL":
            self._live, self._count = {} if self._live is not None else None, 0
        else:
            for operation in operations:
                self._note(db, operation)
            operations = [each._replace(key=_prefix(db) + each.key) for each in operations]
        made = record(at, *operations, expiry=called if found.expires else "")
        if db != b"0":
            made = made._replace(changed=_prefixed(db))
        if found.differs:
            return made._replace(skipped=called, times=1, differs=True)
        return made

    def _everywhere(self) -> Sequence[bytes] | None:
        if self._live is None:
            return None
        return [_prefix(db) + key for db, keys in self._live.items() for key in keys]

    def _note(self, db: bytes, operation: Operation) -> None:
        if self._live is None or operation.op in _KEEPS:
            return
        keys = self._live.setdefault(db, {})
        before = len(keys)
        if operation.op is Verb.DELETE:
            keys.pop(operation.key, None)
        else:
            keys[operation.key] = None
        self._count += len(keys) - before
        if self._count > MOST_LIVE:
            self._live = None


def _prefixed(db: bytes) -> str:
    number = db.decode()
    return f"keys of database {number}, which begin with db{number}: here"


def _prefix(db: bytes) -> bytes:
    return b"" if db == b"0" else b"db%s:" % db


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


def _named(command: str, found: Translation) -> str:
    """Return the name under which a command is counted."""
    name = command if len(command) <= 30 and command.isprintable() else shown(command)
    if found.refused:
        return f"{name} that Redis refused"
    return "SET NX/XX" if command == "SET" and found.differs else name
