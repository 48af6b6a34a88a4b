"""One connection: it reads commands, has them carried out in order, and writes the replies."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from cachedesk.core.write_path import WritePath
from cachedesk.server.arguments import key_of
from cachedesk.server.commands.table import Command, find
from cachedesk.server.dispatcher import ALL_BUT_SURVEYS, LANE_OF, Job, Lane
from cachedesk.server.plan import CommandError, Effect, Plan, Survey, Sweep, Transaction, View
from cachedesk.server.replies import INTERNAL, OK, ErrorReply, Reply, Status, encode
from cachedesk.server.resp import CommandParser, ProtocolError
from cachedesk.server.session import Host, Session

_log = logging.getLogger("cachedesk.server")
_QUEUED = Status("QUEUED")
_NO_AUTH = ErrorReply("NOAUTH Authentication required.")
_NO_EXEC = ErrorReply("EXECABORT Transaction discarded because of previous errors.")
_PARTS_OF_A_JOB = 1_000
_BEFORE_AUTH = ("AUTH", "HELLO", "QUIT", "RESET")
_READ = frozenset({Lane.READ})
_SURVEY = frozenset({Lane.SURVEY})


class Serving(Host, Protocol):
    """The server, as a connection sees it."""

    def path_of(self, key: bytes) -> WritePath:
        """Return the path that writes of ``key`` take."""
        ...

    def submit(self, job: Job) -> None:
        """Carry out ``job``."""
        ...

    def enter(self, connection: Connection, address: str) -> Session | None:
        """Return a session for a new connection from ``address``; ``None``: there are too
        many."""
        ...

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        ...

    def cut_off(self, connection: Connection, reason: str) -> None:
        """Note that a connection is cut off."""
        ...


class Connection(asyncio.Protocol):
    """Serves one client, on the thread of the event loop. Its commands are carried out in order;
    those that take the same lanes in a row are one job."""

    def __init__(self, server: Serving) -> None:
        self._server = server
        self._limits = server.limits
        self._parser = CommandParser(server.limits, trusted=server.password is None)
        self._commands: deque[list[bytes]] = deque()
        self._awaited = 0
        self._unparsed = False
        self._reading = True
        self._writable = True
        self._ended: ProtocolError | None = None
        self._draining = False
        self._stalled: asyncio.TimerHandle | None = None
        self._stranger: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self.session: Session

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; see ``asyncio.Protocol``."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=self._limits.output_bytes)
        session = self._server.enter(self, _address_of(transport))
        if session is None:
            transport.write(encode(ErrorReply("ERR max number of clients reached"), 2))
            transport.close()
            return
        self.session = session
        if not session.authenticated:
            loop = asyncio.get_running_loop()
            self._stranger = loop.call_later(self._limits.strange_seconds, self._send_away)

    def _send_away(self) -> None:
        """Close the connection if its client has not authenticated, so that strangers do not take
        the places of clients."""
        if not self.session.authenticated:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """End; see ``asyncio.Protocol``. What is under way is still carried out."""
        self._commands.clear()
        for timer in (self._stalled, self._stranger):
            if timer is not None:
                timer.cancel()
        self._server.leave(self)

    def data_received(self, data: bytes) -> None:
        """Read commands; see ``asyncio.Protocol``."""
        if self._ended is not None or self.session.closing or self._draining:
            return
        self._parser.feed(data)
        self._parse()
        self.advance()

    def pause_writing(self) -> None:
        """Carry out nothing more until the client has taken replies; see ``asyncio.Protocol``."""
        self._writable = False
        self._watch_progress(self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on; see ``asyncio.Protocol``."""
        self._writable = True
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        self.advance()

    def drain(self) -> None:
        """Read nothing more; close when what was read is answered."""
        self._draining = True
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._reading = False
        self._close_if_done()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    @property
    def output_bytes(self) -> int:
        """How many bytes of replies the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def advance(self) -> None:
        """Carry out the commands that were read, until one has to be waited for."""
        written: list[bytes] = []
        while not self._awaited and self._writable:
            if not self._commands and self._unparsed:
                self._parse()
            if not self._commands:
                break
            reply = self._next()
            if not isinstance(reply, Job):
                written.append(encode(reply, self.session.version))
                if self.session.closing:
                    self._commands.clear()
            elif reply.parts:
                self._awaited = len(reply.parts)
                self._server.submit(reply)
        if written:
            self._write(b"".join(written))
        self._read_on()
        self._close_if_done()

    def _parse(self) -> None:
        """Read as many commands as may wait."""
        if self._ended is not None:
            return
        try:
            while len(self._commands) < self._limits.pipeline_commands:
                words = self._parser.next()
                if words is None:
                    self._unparsed = False
                    return
                self._commands.append(words)
        except ProtocolError as error:
            self._ended = error
            self._unparsed = False
        else:
            self._unparsed = True

    def _read_on(self) -> None:
        """Read from the client only while no more commands wait than may."""
        reads = not self._unparsed
        if reads is not self._reading and not self._draining and not self._transport.is_closing():
            self._reading = reads
            (self._transport.resume_reading if reads else self._transport.pause_reading)()

    def _close_if_done(self) -> None:
        waits = self._commands or self._unparsed
        if self._awaited or (waits and not self.session.closing):
            return
        if self._ended is not None and not self._transport.is_closing():
            error = ErrorReply(f"ERR Protocol error: {self._ended}")
            self._transport.write(encode(error, self.session.version))
        if self._ended is not None or self._draining or self.session.closing:
            self._transport.close()

    def _deliver(self, replies: Sequence[Reply]) -> None:
        self._awaited -= len(replies)
        version = self.session.version
        self._write(b"".join([encode(reply, version) for reply in replies]))
        if not self._awaited:
            self.advance()

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _watch_progress(self, before: int) -> None:
        """Cut the client off if it takes none of its replies for a while."""

        def check() -> None:
            left = self._transport.get_write_buffer_size()
            if left >= before:
                self._server.cut_off(
                    self, f"it has not taken {left:,} bytes of replies for {seconds:g} s"
                )
                self.abort()
            else:
                self._watch_progress(left)

        seconds = self._limits.stall_seconds
        self._stalled = asyncio.get_running_loop().call_later(seconds, check)

    def _next(self) -> Reply | Job:
        """Return the reply to the next command, or a job for it and those after it that take the
        same lanes."""
        prepared = self._prepared(self._commands.popleft())
        lanes = self._lanes(prepared)
        if lanes is None:
            return prepared  # type: ignore[return-value]
        parts = [prepared]
        if isinstance(prepared, Plan):
            while self._commands and len(parts) < _PARTS_OF_A_JOB:
                if self._is_about_the_session(self._commands[0]):
                    break
                following = self._prepared(self._commands[0])
                its = self._lanes(following)
                if its is not None and its != lanes:
                    break
                self._commands.popleft()
                parts.append(following)
        transacts = isinstance(prepared, Transaction)
        return Job(lanes, parts, self._deliver_transaction if transacts else self._deliver)

    def _is_about_the_session(self, words: Sequence[bytes]) -> bool:
        """Return whether a command must wait until those before it are answered."""
        if not self.session.authenticated or self.session.queued is not None:
            return True
        try:
            return find(words).remote is None
        except CommandError:
            return False

    def _lanes(
        self, prepared: Plan | Survey | Sweep | Transaction | Reply
    ) -> frozenset[Lane] | None:
        if isinstance(prepared, Plan):
            if not prepared.writes:
                return _READ
            return frozenset(LANE_OF[self._server.path_of(key)] for key in prepared.writes)
        if isinstance(prepared, Survey):
            return _SURVEY
        return ALL_BUT_SURVEYS if isinstance(prepared, (Sweep, Transaction)) else None

    def _prepared(self, words: Sequence[bytes]) -> Plan | Survey | Sweep | Transaction | Reply:
        """Return what a command asks for, or its reply."""
        session = self.session
        try:
            command = find(words)
        except CommandError as error:
            session.spoiled = session.queued is not None
            return ErrorReply(str(error)) if session.authenticated else _NO_AUTH
        if not session.authenticated and command.name not in _BEFORE_AUTH:
            return _NO_AUTH
        session.last_command = command.name.lower()
        if session.queued is not None and not command.control:
            session.queued.append(words)
            return _QUEUED
        try:
            return self._carried_out(command, words[1:])
        except CommandError as error:
            return ErrorReply(str(error))
        except Exception:  # noqa: BLE001 - the connection goes on; it is logged
            _log.exception("%s failed in an unexpected way", command.name)
            return INTERNAL

    def _carried_out(
        self, command: Command, arguments: Sequence[bytes]
    ) -> Plan | Survey | Sweep | Transaction | Reply:
        session = self.session
        if command.name == "EXEC":
            return self._exec()
        if command.name == "WATCH":
            return self._watch(arguments)
        if session.queued is not None and command.name == "MULTI":
            raise CommandError("ERR MULTI calls can not be nested")
        if command.remote is not None:
            return command.remote(arguments)
        assert command.local is not None
        reply = command.local(self._server, session, arguments)
        self._parser.trusted = session.authenticated
        return reply

    def _exec(self) -> Transaction | Reply:
        session = self.session
        if session.queued is None:
            raise CommandError("ERR EXEC without MULTI")
        queued, session.queued = session.queued, None
        spoiled, session.spoiled = session.spoiled, False
        if spoiled:
            session.unwatch()
            return _NO_EXEC
        parts: list[Plan | Reply] = []
        for words in queued:
            part = self._prepared(words)
            if isinstance(part, (Survey, Sweep, Transaction)):
                name = words[0].decode(errors="replace").upper()
                part = ErrorReply(f"ERR unsupported by cachedesk: {name} inside MULTI")
            parts.append(part)
        # Asked when the lanes are free: what is under way now may still write a watched key.
        return Transaction(parts, session.watched, lambda: session.touched)

    def _deliver_transaction(self, replies: Sequence[Reply]) -> None:
        self.session.unwatch()
        self._deliver(replies)

    def _watch(self, arguments: Sequence[bytes]) -> Plan | Reply:
        session = self.session
        if session.queued is not None:
            raise CommandError("ERR WATCH inside MULTI is not allowed")
        keys = [key for each in arguments if (key := key_of(each)) not in session.watched]
        # From now on: a write that is under way counts as one that comes after.
        session.watched.update(dict.fromkeys(keys, False))

        def decide(view: View) -> Effect:
            for key in keys:
                session.watched[key] = view.value(key) is not None
            return Effect(OK)

        return Plan(decide, exact=keys)


def _address_of(transport: asyncio.Transport) -> str:
    match transport.get_extra_info("peername"):
        case (host, port, *_):
            return f"{host}:{port}"
    return f"{transport.get_extra_info('sockname')}:0"
