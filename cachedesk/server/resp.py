"""Commands of the Redis protocol, read from bytes: an incremental parser without I/O.

A client sends a command as an array of bulk strings (``*2``, ``$3``, ``GET``, ``$1``, ``k``), or as
a line (*inline*), which people type. The limits are checked at the headers, before anything is kept
for what they announce. (The parser of hiredis reads replies: it has no inline commands, and makes
room for as many elements as a header announces.)

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from cachedesk.server.limits import Limits

_MOST_INLINE_BYTES = 64 * 1024
_MOST_HEADER_BYTES = 32
_COMPACT_BYTES = 64 * 1024
_ESCAPES = {ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t", ord("b"): b"\b", ord("a"): b"\a"}
_HEX = frozenset(b"0123456789abcdefABCDEF")
_SPACE = frozenset(b" \t\r\n\v\f\0")


class ProtocolError(Exception):
    """The bytes are not commands; nothing after them can be read. The message is the reply."""


class CommandParser:
    """Turns the bytes of one client into commands. ``trusted``: whether the client may send
    commands of full size; set it once the client has authenticated."""

    def __init__(self, limits: Limits, *, trusted: bool = True) -> None:
        self.trusted = trusted
        self._limits = limits
        self._buffer = bytearray()
        self._at = 0
        self._left = 0
        self._size = 0
        self._bulk = -1
        self._arguments: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Add what was received."""
        self._buffer += data

    @property
    def held_bytes(self) -> int:
        """How many bytes are kept that are not yet part of a command."""
        return len(self._buffer) - self._at + self._size

    def next(self) -> list[bytes] | None:
        """Return the next command, its name first; ``None`` until more is received.

        Raises:
            ProtocolError: what was received is not a command, or beyond a limit.
        """
        while True:
            found = self._array() if self._left else self._begin()
            if found is None:
                self._compact()
                return None
            if found:
                return found

    def _begin(self) -> list[bytes] | None:
        """Read the first line of a command; an empty list: there was nothing in it, or it is the
        header of an array, whose elements follow."""
        buffer, at = self._buffer, self._at
        if at >= len(buffer):
            return None
        if buffer[at] != 0x2A:
            return self._inline()
        count = self._header("multibulk length", "too big mbulk count string")
        if count is None:
            return None
        if count > (self._limits.arguments if self.trusted else self._limits.strange_arguments):
            if not self.trusted:
                raise ProtocolError("unauthenticated multibulk length")
            raise ProtocolError("invalid multibulk length")
        self._left, self._size, self._arguments = max(count, 0), 0, []
        return []

    def _array(self) -> list[bytes] | None:
        """Read the elements of an array, as far as they have arrived."""
        buffer, arguments = self._buffer, self._arguments
        while self._left:
            if self._bulk < 0:
                if self._at >= len(buffer):
                    return None
                if buffer[self._at] != 0x24:
                    shown = chr(buffer[self._at])
                    raise ProtocolError(f"expected '$', got '{shown if shown > ' ' else ' '}'")
                size = self._header("bulk length", "too big bulk count string")
                if size is None:
                    return None
                self._check_size(size)
                self._bulk = size
            end = self._at + self._bulk
            if len(buffer) < end + 2:
                return None
            arguments.append(bytes(memoryview(buffer)[self._at : end]))
            self._size += self._bulk
            self._at, self._bulk = end + 2, -1
            self._left -= 1
        self._arguments, self._size = [], 0
        return arguments

    def _check_size(self, size: int) -> None:
        limits = self._limits
        most = limits.argument_bytes if self.trusted else limits.strange_argument_bytes
        if 0 <= size <= most and self._size + size <= limits.query_bytes:
            return
        raise ProtocolError(
            "invalid bulk length" if self.trusted else "unauthenticated bulk length"
        )

    def _header(self, what: str, too_long: str) -> int | None:
        end = self._buffer.find(b"\r\n", self._at, self._at + _MOST_HEADER_BYTES + 2)
        if end < 0:
            if len(self._buffer) - self._at > _MOST_HEADER_BYTES:
                raise ProtocolError(too_long)
            return None
        digits = bytes(memoryview(self._buffer)[self._at + 1 : end])
        number = as_integer(digits)
        if number is None:
            raise ProtocolError(f"invalid {what}")
        self._at = end + 2
        return number

    def _inline(self) -> list[bytes] | None:
        end = self._buffer.find(b"\n", self._at, self._at + _MOST_INLINE_BYTES + 1)
        if end < 0:
            if len(self._buffer) - self._at > _MOST_INLINE_BYTES:
                raise ProtocolError("too big inline request")
            return None
        line = bytes(memoryview(self._buffer)[self._at : end])
        self._at = end + 1
        return split_line(line)

    def _compact(self) -> None:
        if self._at == len(self._buffer) or self._at > _COMPACT_BYTES:
            del self._buffer[: self._at]
            self._at = 0


def as_integer(text: bytes) -> int | None:
    """Return the signed 64-bit integer that ``text`` spells in the only form that Redis takes (no
    plus sign, space or leading zero), or ``None``."""
    if not 0 < len(text) <= 20 or not (text.isdigit() or (text[:1] == b"-" and text[1:].isdigit())):
        return None
    number = int(text)
    return number if b"%d" % number == text and -(2**63) <= number < 2**63 else None


def split_line(line: bytes) -> list[bytes]:
    """Split an inline command into words, with quotes and escapes as ``redis-cli`` has them.

    Raises:
        ProtocolError: a quote is not closed, or followed by something else than a space.
    """
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at] in _SPACE:
            at += 1
        if at == len(line):
            return words
        word, at = _word(line, at)
        words.append(word)


def _word(line: bytes, at: int) -> tuple[bytes, int]:
    word = bytearray()
    while at < len(line) and line[at] not in _SPACE:
        if line[at] not in b"\"'":
            word.append(line[at])
            at += 1
            continue
        part, at = _quoted(line, at + 1, line[at])
        word += part
        if at < len(line) and line[at] not in _SPACE:
            raise ProtocolError("unbalanced quotes in request")
    return bytes(word), at


def _quoted(line: bytes, at: int, quote: int) -> tuple[bytes, int]:
    part = bytearray()
    double = quote == ord('"')
    while at < len(line):
        code, following = line[at], line[at + 1 : at + 2]
        if code == quote:
            return bytes(part), at + 1
        if code == ord("\\") and following:
            digits = line[at + 2 : at + 4]
            if double and following == b"x" and len(digits) == 2 and _HEX.issuperset(digits):
                part.append(int(digits, 16))
                at += 4
                continue
            if double or following == b"'":
                part += _ESCAPES.get(following[0], following) if double else following
                at += 2
                continue
        part.append(code)
        at += 1
    raise ProtocolError("unbalanced quotes in request")
