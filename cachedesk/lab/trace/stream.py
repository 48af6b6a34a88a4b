"""Where a trace comes from: a file or standard input, plain, gzip or xz, read once, forwards.

Nothing is held but the line in hand, so a trace may be as long as it likes. How far it was read is
told in bytes of the file itself, compressed or not, so that a progress bar is right for both.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import select
import stat
import sys
import zlib
from pathlib import Path
from typing import Any

from cachedesk.engine.events import MAX_VALUE_BYTES
from cachedesk.lab.trace.record import TraceError, Wrong

STDIN = Path("-")
LINE_BYTES = 2 * MAX_VALUE_BYTES

_LOOK_SECONDS = 0.2
_BOM = b"\xef\xbb\xbf"
_START_BYTES = 64 * 1024
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\0"
_BAD_DATA = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)


class _Raw(io.RawIOBase):
    """What is read of a descriptor, counted; a read that waits for a pipe can be given up."""

    def __init__(self, descriptor: int, *, waits: bool, owned: bool) -> None:
        self._descriptor = descriptor
        self._waits = waits
        self._owned = owned
        self.done = 0
        self.given_up = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._waits and not select.select([self._descriptor], [], [], _LOOK_SECONDS)[0]:
            if self.given_up:
                return 0
        data = os.read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        self.done += len(data)
        return len(data)

    def close(self) -> None:
        if self._owned and not self.closed:
            os.close(self._descriptor)
        super().close()


class Lines:
    """The lines of a trace, as bytes, with their breaks. An error in one does not end it."""

    def __init__(self, path: Path) -> None:
        """Open it; ``-`` is standard input.

        Raises:
            TraceError: it cannot be opened, or is not a file.
        """
        self.path = path
        self.number = 0
        self.name = "standard input" if path == STDIN else str(path)
        self.bytes: int | None = None
        self._raw = self._open()
        self._stream: io.BufferedReader = io.BufferedReader(self._raw, _START_BYTES)
        try:
            self.compressed = self._unpack()
            self.start = self._stream.peek(_START_BYTES)
        except _BAD_DATA as error:
            self.close()
            raise TraceError(f"{self.name}: it cannot be unpacked: {error}") from error
        except OSError as error:
            self.close()
            raise TraceError(f"{self.name}: it cannot be read: {error.strerror}") from error

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> bytes:
        try:
            line = self._stream.readline(LINE_BYTES)
        except _BAD_DATA as error:
            raise TraceError(f"{self.name}: it cannot be unpacked: {error}") from error
        except OSError as error:
            raise TraceError(f"{self.name}: it cannot be read: {error.strerror}") from error
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(_BOM)
        if len(line) >= LINE_BYTES:
            while len(line) >= LINE_BYTES and not line.endswith(b"\n"):
                line = self._stream.readline(LINE_BYTES)
            raise Wrong(f"it is over {LINE_BYTES:,} bytes long")
        return line

    @property
    def done(self) -> int:
        """How many bytes of the file were read."""
        return self._raw.done

    def give_up(self) -> None:
        """End it, even if somebody waits for a pipe. May be called by any thread."""
        self._raw.given_up = True

    def close(self) -> None:
        """Close the file. Standard input itself stays open."""
        self._stream.close()
        self._raw.close()

    def _open(self) -> _Raw:
        if self.path == STDIN:
            if sys.stdin is None:
                raise TraceError("standard input: it was closed")
            return _Raw(sys.stdin.fileno(), waits=True, owned=False)
        try:
            status = os.stat(self.path)
            if not stat.S_ISREG(status.st_mode):
                raise TraceError(f"{self.path}: it is not a regular file (use - for a pipe)")
            self.bytes = status.st_size
            return _Raw(os.open(self.path, os.O_RDONLY), waits=False, owned=True)
        except OSError as error:
            raise TraceError(f"{self.path}: it cannot be read: {error.strerror}") from error
        except ValueError as error:
            if isinstance(error, TraceError):
                raise
            raise TraceError(f"{str(self.path)!r}: it cannot be read: {error}") from error

    def _unpack(self) -> bool:
        start = self._stream.peek(len(_XZ))
        if start.startswith(_GZIP):
            unpacked: Any = gzip.GzipFile(fileobj=self._stream)
        elif start.startswith(_XZ):
            unpacked = lzma.LZMAFile(self._stream)  # noqa: SIM115 - closed by ``close``
        else:
            return False
        self._stream = io.BufferedReader(unpacked)
        return True


def text_of(line: bytes) -> str:
    """Return ``line`` as text.

    Raises:
        Wrong: it is not UTF-8, or no text at all.
    """
    if b"\0" in line:
        raise Wrong(f"there is a NUL byte at byte {line.index(0) + 1}; is it a text file?")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Wrong(f"it is not UTF-8 at byte {error.start + 1}") from None
