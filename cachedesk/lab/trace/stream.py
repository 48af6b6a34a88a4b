"""Where a trace comes from: a file or standard input, plain or packed, read once, forwards.

Nothing is held but the lines that are looked at and the one in hand, so a trace may be as long as
it likes. How far it was read is told in bytes of the file itself, packed or not, so that a progress
bar is right for both. What cannot be read on ends the trace; ``cut`` says why.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import select
import stat
import sys
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cachedesk.lab.trace import foreign
from cachedesk.lab.trace.record import Malformed, TooLong, TraceError

STDIN = Path("-")
LINE_BYTES = 16 * 1024 * 1024
"""No line is longer: what one line is parsed to must fit into memory."""

_LOOK_SECONDS = 0.2
_BOM = b"\xef\xbb\xbf"
_CUT = "the trace cannot be decompressed to its end"
_START_BYTES = 64 * 1024
_MOST_LAYERS = 4
_BAD_DATA = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)
_PACKED: tuple[tuple[str, tuple[bytes, ...], Any], ...] = (
    ("gzip", (b"\x1f\x8b",), lambda stream: gzip.GzipFile(fileobj=stream, mode="rb")),
    ("xz", (b"\xfd7zXZ\0", b"\x5d\0\0"), lzma.LZMAFile),
    ("bzip2", tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)), bz2.BZ2File),
)


class _Raw(io.RawIOBase):
    """What is read of a descriptor, counted; a read that waits for a pipe can be given up."""

    def __init__(
        self, descriptor: int, given_up: threading.Event, *, waits: bool, owned: bool
    ) -> None:
        self._descriptor = descriptor
        self._given_up = given_up
        self._waits = waits
        self._owned = owned
        self.done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._waits and not select.select([self._descriptor], [], [], _LOOK_SECONDS)[0]:
            if self._given_up.is_set():
                return 0
        data = os.read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        self.done += len(data)
        return len(data)

    def close(self) -> None:
        if self._owned and not self.closed:
            os.close(self._descriptor)
        super().close()


class _Unpacked(io.RawIOBase):
    """What a packed file holds, as far as it goes: a read that would wait for more gives what there
    is, so that nothing is lost before the place where the file is cut off."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._packed.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Lines:
    """The lines of a trace, as bytes, with their breaks. An error in one does not end it."""

    def __init__(self, path: Path, given_up: threading.Event | None = None) -> None:
        """Open it; ``-`` is standard input.

        Args:
            path: which file.
            given_up: once set, a pipe is not waited for any more; its first bytes are waited for
                here.

        Raises:
            TraceError: it cannot be opened, is not a file, or is known to be no trace.
        """
        self.path = path
        self.number = 0
        """The number of the line that was read last."""
        self.cut = ""
        """Why it ended before its end; empty if it did not."""
        self.unfinished = False
        """Whether the line that was read last has no line break."""
        self.too_long = False
        """Whether a line was over ``LINE_BYTES`` so far."""
        self.name = "standard input" if path == STDIN else str(path)
        self.bytes: int | None = None
        self._given_up = given_up or threading.Event()
        self._packed = ""
        self._head: deque[bytes | TooLong] = deque()
        self._raw = self._open()
        self._stream: io.BufferedReader = io.BufferedReader(self._raw, _START_BYTES)
        try:
            self._unpack()
        except _BAD_DATA as error:
            self.close()
            raise TraceError(f"{self.name}: cannot decompress: {error}") from error
        except OSError as error:
            self.close()
            raise TraceError(f"{self.name}: cannot read: {_said(error)}") from error
        except TraceError:
            self.close()
            raise

    @property
    def compressed(self) -> bool:
        """Whether it is packed."""
        return bool(self._packed)

    @property
    def done(self) -> int:
        """How many bytes of the file were read."""
        return self._raw.done

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> bytes:
        line = self._head.popleft() if self._head else self._read()
        if line is None:
            raise StopIteration
        self.number += 1
        if isinstance(line, TooLong):
            self.unfinished = False
            raise line
        self.unfinished = not line.endswith(b"\n")
        return line.removeprefix(_BOM) if self.number == 1 else line

    def ahead(self) -> Iterator[bytes]:
        """Yield the lines that come next without taking them; one that is too long is empty. A
        line of a pipe is waited for only when it is asked for."""
        place = 0
        while True:
            if place == len(self._head):
                line = self._read()
                if line is None:
                    return
                self._head.append(line)
            found = self._head[place]
            if isinstance(found, TooLong):
                found = b""
            yield found.removeprefix(_BOM) if self.number + place == 0 else found
            place += 1

    def close(self) -> None:
        """Close the file. Standard input itself stays open."""
        self._stream.close()
        self._raw.close()

    def _read(self) -> bytes | TooLong | None:
        """Return the next line; ``None`` at the end."""
        try:
            line = self._stream.readline(LINE_BYTES)
            if len(line) >= LINE_BYTES and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = self._stream.readline(LINE_BYTES)
                self.too_long = True
                return TooLong(f"longer than {LINE_BYTES:,} bytes")
        except EOFError:
            why = f"{_CUT}: its {self._packed} data ends in the middle"
        except _BAD_DATA as error:
            why = f"{_CUT}: its {self._packed} data is damaged: {error}"
        except OSError as error:
            why = f"the trace cannot be read to its end: {_said(error)}"
        else:
            if self._given_up.is_set() and not line.endswith(b"\n"):
                return None
            return line or None
        # A pipe that was given up ends in the middle too, and is not to blame for it.
        if not self._given_up.is_set():
            self.cut = why
        return None

    def _open(self) -> _Raw:
        if self.path == STDIN:
            if sys.stdin is None:
                raise TraceError("standard input is closed")
            return _Raw(sys.stdin.fileno(), self._given_up, waits=True, owned=False)
        try:
            status = os.stat(self.path)
            if not stat.S_ISREG(status.st_mode):
                raise TraceError(f"{self.path}: not a regular file (use - for a pipe)")
            self.bytes = status.st_size
            return _Raw(os.open(self.path, os.O_RDONLY), self._given_up, waits=False, owned=True)
        except OSError as error:
            raise TraceError(f"{self.path}: cannot read: {_said(error)}") from error
        except ValueError as error:
            if isinstance(error, TraceError):
                raise
            raise TraceError(f"{str(self.path)!r}: cannot read: {error}") from error

    def _unpack(self) -> None:
        for _ in range(_MOST_LAYERS):
            start = self._stream.peek(_START_BYTES)
            for name, signs, unpacked in _PACKED:
                if start.startswith(signs):
                    self._packed = name
                    self._stream = io.BufferedReader(
                        _Unpacked(unpacked(self._stream)), _START_BYTES
                    )
                    break
            else:
                if what := foreign.named(start):
                    raise TraceError(f"{self.name}: {what}")
                return
        raise TraceError(f"{self.name}: compressed more than {_MOST_LAYERS - 1} times")


def _said(error: OSError) -> str:
    return error.strerror or str(error)


def text_of(line: bytes) -> str:
    """Return ``line`` as text.

    Raises:
        Malformed: it is not UTF-8, or no text at all.
    """
    if b"\0" in line:
        raise Malformed(f"contains a NUL byte at byte {line.index(0) + 1}; is it a text file?")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"not valid UTF-8 at byte {error.start + 1}") from None
