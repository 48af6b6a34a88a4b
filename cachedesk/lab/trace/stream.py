"""The input of a trace: a file or standard input, plain or compressed, read once, forwards.

Only the sampled lines and the current one are kept in memory, so a trace may have any length.
Progress is counted in bytes of the file itself, compressed or not, so that a progress bar is right
for both. A read error ends the trace; ``cut`` gives the reason.
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
"""The limit of a line: its parsed form must fit into memory."""

_POLL_SECONDS = 0.2
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
    """Reads a descriptor and counts the bytes; a read that waits for a pipe can be interrupted."""

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
        while self._waits and not select.select([self._descriptor], [], [], _POLL_SECONDS)[0]:
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
    """Reads a compressed file: a read returns the data that is there instead of waiting for more,
    so that nothing is lost before the place where the file is truncated."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._packed.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Lines:
    """The lines of a trace, as bytes with line breaks. An error in a line does not end it."""

    def __init__(self, path: Path, given_up: threading.Event | None = None) -> None:
        """Open the input, and wait for the first bytes of a pipe.

        Args:
            path: the file; ``-`` is standard input.
            given_up: ends the waiting for a pipe when set.

        Raises:
            TraceError: it cannot be opened, is not a file, or is recognized as another kind of
                file.
        """
        self.path = path
        self.number = 0
        """The number of the line that was read last."""
        self.cut = ""
        """Why it could not be read to its end; empty if it could."""
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
            raise TraceError(f"{self.name}: cannot read: {_reason(error)}") from error
        except TraceError:
            self.close()
            raise

    @property
    def compressed(self) -> bool:
        """Whether it is compressed."""
        return bool(self._packed)

    @property
    def done(self) -> int:
        """The number of bytes of the file that were read."""
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
        """Yield the next lines without consuming them; one that is too long is yielded as empty.
        Waits for a line of a pipe only when that line is requested."""
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
            why = f"the trace cannot be read to its end: {_reason(error)}"
        else:
            if self._given_up.is_set() and not line.endswith(b"\n"):
                return None
            return line or None
        # If the wait for a pipe was interrupted, the end in the middle is not an error.
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
            raise TraceError(f"{self.path}: cannot read: {_reason(error)}") from error
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


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def text_of(line: bytes) -> str:
    """Return ``line`` as text.

    Raises:
        Malformed: it is not UTF-8, or contains a NUL byte.
    """
    if b"\0" in line:
        raise Malformed(f"contains a NUL byte at byte {line.index(0) + 1}; is it a text file?")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"not valid UTF-8 at byte {error.start + 1}") from None
