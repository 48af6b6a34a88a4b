"""A watched Redis or Valkey, by redis-py's connections: it is asked, and nothing is written.

MEMORY USAGE is what tells whether a key is there: unlike EXISTS, TTL or OBJECT it neither counts in
``keyspace_hits`` and ``keyspace_misses`` nor makes the key look used
(``memoryCommand`` in the server's ``object.c`` looks into the dictionary directly), in each version
from Redis 6.2 and Valkey 7.2 on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cachedesk.core.watched_server import (
    ChooseKeys,
    MonitorWindow,
    OwnCalls,
    Probe,
    ScanPage,
    ServerFigures,
    ServerRefused,
    ServerUnreachable,
    WindowPlan,
)
from cachedesk.stores.watched_redis.address import Address
from cachedesk.stores.watched_redis.connection import Command, Link
from cachedesk.stores.watched_redis.info import SECTIONS, fields, figures
from cachedesk.stores.watched_redis.own_words import OwnWords

_OPENING = {False: 4, True: 60}
"""As how many round trips it counts to open a connection, without and with TLS: its handshake takes
the server a millisecond or more."""

_CHUNK_LINES = 400
_WAIT_SECONDS = 0.005
_DRAIN_SECONDS = 1.0


class RedisServer:
    """A connection to a server; see ``WatchedServer``.

    Args:
        address: of the server.

    Raises:
        ServerUnreachable: nothing answers there.
        ServerRefused: it wants another user or password.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._words = OwnWords(random.Random())
        self._calls: dict[str, OwnCalls] = {}
        self._link = Link(address)
        with suppress(ServerRefused):
            # It changes nothing for the commands that are sent, and older servers do not have it;
            # should one of them come to touch a key, it would not look used.
            self._link.call("CLIENT", "NO-TOUCH", "ON")

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._address.shown

    @property
    def database(self) -> int:
        """The number of the watched database."""
        return self._address.database

    def figures(self) -> ServerFigures:
        """Return what the server says of itself."""
        words = self._words
        commands: list[Command] = [
            (words.info, words.marker_section if name == "commandstats" else name)
            for name in SECTIONS
        ]
        replies = self._ask("info", commands)
        said = fields(tuple(reply for reply in replies if isinstance(reply, bytes)))
        return figures(said, self.database, time.monotonic())

    def scan(self, cursor: int, count: int) -> ScanPage:
        """Return about ``count`` keys from ``cursor`` on."""
        words = self._words
        after, keys = self._ask("scan", [(words.scan, cursor, words.count, count)])[0]
        return ScanPage(int(after), tuple(keys))

    def sizes(self, keys: Sequence[bytes]) -> tuple[int | None, ...]:
        """Return the memory that each key takes with its value, in bytes; ``None``: not there."""
        if not keys:
            return ()
        memory, usage = self._words.memory, self._words.usage
        replies = self._ask("memory|usage", [(memory, usage, key) for key in keys])
        return tuple(reply if isinstance(reply, int) else None for reply in replies)

    def monitor(self, plan: WindowPlan, choose: ChooseKeys) -> MonitorWindow:
        """Look at all commands for a short time; see ``WatchedServer``."""
        opening = time.monotonic()
        link = Link(self._address)
        try:
            link.call("MONITOR")
            began = time.monotonic()
            self._note("connect", 1, _OPENING[self._address.encrypted], began - opening)
            return self._watch(link, plan, choose, began)
        finally:
            # The server drops what it has not sent yet.
            link.close()

    def calls(self) -> tuple[OwnCalls, ...]:
        """Return what this connection has asked so far, by command."""
        return tuple(self._calls.values())

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _watch(
        self, link: Link, plan: WindowPlan, choose: ChooseKeys, began: float
    ) -> MonitorWindow:
        lines: list[bytes] = []
        probes: list[Probe] = []
        before = self.figures()
        end = time.monotonic() + plan.seconds
        while (left := end - time.monotonic()) > 0 and len(lines) < plan.most_lines:
            fresh = _chunk(link, min(left, _WAIT_SECONDS))
            lines += fresh
            if keys := choose(fresh):
                probes += map(Probe, keys, self.sizes(keys))
        after = self.figures()
        cut = len(lines) >= plan.most_lines
        self._drain(link, lines, plan.tail_seconds)
        seconds = time.monotonic() - began
        words = self._words
        return MonitorWindow(
            tuple(lines),
            words.marker,
            words.asking,
            words.probing,
            tuple(probes),
            before,
            after,
            seconds,
            cut,
        )

    def _drain(self, link: Link, lines: list[bytes], tail_seconds: float) -> None:
        """Take the lines up to the second marker, and those of the tail after it."""
        marker, seen = self._words.marker, sum(map(self._is_marker, lines))
        limit = time.monotonic() + _DRAIN_SECONDS
        while seen < 2 and time.monotonic() < limit:
            fresh = _chunk(link, _WAIT_SECONDS)
            seen += sum(line.endswith(marker) for line in fresh)
            lines += fresh
        end = time.monotonic() + tail_seconds
        while (left := end - time.monotonic()) > 0:
            lines += _chunk(link, min(left, _WAIT_SECONDS))

    def _is_marker(self, line: bytes) -> bool:
        return line.endswith(self._words.marker)

    def _ask(self, name: str, commands: Sequence[Command]) -> list[Any]:
        began = time.monotonic()
        try:
            replies = self._link.call_all(commands)
        finally:
            self._note(name, len(commands), 1, time.monotonic() - began)
        return replies

    def _note(self, name: str, calls: int, round_trips: int, seconds: float) -> None:
        before = self._calls.get(name, OwnCalls(name, 0, 0, 0.0))
        self._calls[name] = OwnCalls(
            name, before.calls + calls, before.round_trips + round_trips, before.seconds + seconds
        )


def connect(address: Address) -> RedisServer:
    """Connect to the server at ``address`` and see that all that is needed may be asked.

    Raises:
        ServerUnreachable: nothing answers there.
        ServerRefused: it wants another user or password, or refuses a command.
    """
    server = RedisServer(address)
    try:
        server.figures()
        server.scan(0, 1)
        server.sizes([b"cachedesk"])
    except (ServerRefused, ServerUnreachable):
        server.close()
        raise
    return server


def _chunk(link: Link, wait_seconds: float) -> list[bytes]:
    """Return the lines that are there, or the first that come within so many seconds."""
    lines: list[bytes] = []
    while len(lines) < _CHUNK_LINES and link.has_line(wait_seconds if not lines else 0):
        lines.append(link.line())
    return lines
