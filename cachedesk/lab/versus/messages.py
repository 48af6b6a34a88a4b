"""The messages between a pair and the process of one side, and the line that carries them.

A frame is four bytes of length, big-endian, and that many bytes of MessagePack.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import Generic, TypeVar, get_args

import msgspec

from cachedesk.core.commands import Command
from cachedesk.core.key_report import KeyReport
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.settings import Settings
from cachedesk.lab.judge.verdict import Verdict
from cachedesk.lab.load.operations import Operation

_LENGTH = struct.Struct(">I")
_MOST_BYTES = 64 * 1024 * 1024


class Open(msgspec.Struct, tag=True, frozen=True):
    """Open a stack in the directory ``data``, and warm it up with ``contents``; ``workload``
    describes its traffic."""

    data: str
    workload: str
    settings: Settings
    safeguards: Safeguards
    clients: int
    contents: tuple[Operation, ...] = ()


class Burst(msgspec.Struct, tag=True, frozen=True):
    """Do these operations, each with the client of this number, in order."""

    operations: tuple[tuple[int, Operation], ...]


class Look(msgspec.Struct, tag=True, frozen=True):
    """Return a snapshot."""

    number: int


class Explain(msgspec.Struct, tag=True, frozen=True):
    """Return the report of a key."""

    number: int
    key: bytes


class Perform(msgspec.Struct, tag=True, frozen=True):
    """Carry out the command of the class ``name``."""

    number: int
    name: str
    fields: msgspec.Raw


class Finish(msgspec.Struct, tag=True, frozen=True):
    """Heal all faults, drain, close, judge, and end."""


class Opened(msgspec.Struct, tag=True, frozen=True):
    """The stack is open."""


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The stack cannot be opened, or cannot go on."""

    reason: str


class Done(msgspec.Struct, tag=True, frozen=True):
    """The client of this number did this many more operations."""

    client: int
    count: int


class Seen(msgspec.Struct, tag=True, frozen=True):
    """A snapshot, encoded as a record of a recording is."""

    number: int
    whole: bool
    body: bytes


class Explained(msgspec.Struct, tag=True, frozen=True):
    """The report of a key; ``None``: it failed, and ``failure`` describes the error."""

    number: int
    report: KeyReport | None = None
    failure: str = ""


class Performed(msgspec.Struct, tag=True, frozen=True):
    """A command was carried out, or ``failed``; ``sentence`` describes the result or the error."""

    number: int
    sentence: str
    failed: bool


class Finished(msgspec.Struct, tag=True, frozen=True):
    """The side was closed; ``verdict`` is what the ledger found."""

    verdict: Verdict


ToSide = Open | Burst | Look | Explain | Perform | Finish
ToPair = Opened | Refused | Done | Seen | Explained | Performed | Finished

FROM_PAIR: msgspec.msgpack.Decoder[ToSide] = msgspec.msgpack.Decoder(ToSide)
FROM_SIDE: msgspec.msgpack.Decoder[ToPair] = msgspec.msgpack.Decoder(ToPair)

_COMMANDS = {command.__name__: command for command in get_args(Command)}
_encoder = msgspec.msgpack.Encoder()

M = TypeVar("M")


def frame(message: ToSide | ToPair) -> bytes:
    """Return ``message`` as it is sent."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def performing(number: int, command: Command) -> Perform:
    """Return the message that has a side carry out ``command``."""
    fields = msgspec.Raw(_encoder.encode(command))
    return Perform(number, type(command).__name__, fields)


def command_of(message: Perform) -> Command:
    """Return the command of ``message``."""
    command: Command = msgspec.msgpack.decode(message.fields, type=_COMMANDS[message.name])
    return command


class Line(Generic[M]):
    """One end of the line. Several threads may send, one receives."""

    def __init__(self, end: socket.socket, decoder: msgspec.msgpack.Decoder[M]) -> None:
        self._end = end
        self._decoder = decoder
        self._lock = threading.Lock()
        self._reader = end.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send a ``frame``.

        Raises:
            OSError: the other end is closed.
        """
        with self._lock:
            self._end.sendall(data)

    def receive(self) -> M | None:
        """Wait for the next message and return it; ``None`` once the other end is closed."""
        try:
            head = self._reader.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack(head)
            if length > _MOST_BYTES:
                return None
            body = self._reader.read(length)
        except (OSError, ValueError):
            # Reset by a process that was killed, or closed on this side.
            return None
        return self._decoder.decode(body) if len(body) == length else None

    def shut(self) -> None:
        """End both directions; a thread that waits in ``receive`` returns."""
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other end is gone already.
            return

    def close(self) -> None:
        """Close this end; no thread may use it any more."""
        self._reader.close()
        self._end.close()
