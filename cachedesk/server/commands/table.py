"""The table of commands: name, number of arguments, flags, keys, and the function of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachedesk.server.commands import connection, introspection, keys, private, strings
from cachedesk.server.commands.unsupported import UNSUPPORTED
from cachedesk.server.plan import CommandError, Plan, Survey, Sweep
from cachedesk.server.replies import Reply
from cachedesk.server.session import Host, Session

Arguments = Sequence[bytes]
Local = Callable[[Host, Session, Arguments], "Reply | Survey | Sweep"]
Remote = Callable[[Arguments], Plan | Survey]

_MOST_SHOWN = 128
ONE, ALL, PAIRS, NONE = (1, 1, 1), (1, -1, 1), (1, -1, 2), (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    ``arity``: the number of its words, its name included; negative: at least that many.
    ``keys``: where its keys are, as in Redis: first, last, step. ``local``: its function if it is
    about the connection or the server; ``remote``: if it is about keys. ``control``: it is carried
    out at once inside a MULTI too.
    """

    name: str
    arity: int
    flags: tuple[str, ...]
    keys: tuple[int, int, int]
    group: str
    local: Local | None = None
    remote: Remote | None = None
    control: bool = False

    @property
    def summary(self) -> str:
        """One line about it."""
        return (getattr(self.local or self.remote, "__doc__", None) or self.name).split("\n")[0]

    def takes(self, words: int) -> bool:
        """Return whether it may have so many words, its name included."""
        return words == self.arity if self.arity > 0 else words >= -self.arity


def _local(name: str, arity: int, function: Local, *, control: bool = False) -> Command:
    group = "transactions" if name in ("MULTI", "DISCARD", "UNWATCH") else "connection"
    return Command(name, arity, ("fast", "noscript"), NONE, group, local=function, control=control)


def _read(
    name: str, arity: int, function: Remote, its: tuple[int, int, int] = ONE, group: str = "string"
) -> Command:
    return Command(name, arity, ("readonly", "fast"), its, group, remote=function)


def _write(
    name: str, arity: int, function: Remote, its: tuple[int, int, int] = ONE, group: str = "string"
) -> Command:
    return Command(name, arity, ("write",), its, group, remote=function)


_ALL = (
    _local("PING", -1, connection.ping),
    _local("ECHO", 2, connection.echo),
    _local("SELECT", 2, connection.select),
    _local("QUIT", -1, connection.quit_, control=True),
    _local("RESET", 1, connection.reset, control=True),
    _local("AUTH", -2, connection.auth),
    _local("HELLO", -1, connection.hello),
    _local("CLIENT", -2, connection.client),
    _local("CONFIG", -2, connection.config),
    _local("COMMAND", -1, introspection.command),
    _local("INFO", -1, introspection.info),
    _local("FLUSHDB", -1, keys.flush),
    _local("FLUSHALL", -1, keys.flush),
    _local("TIME", 1, lambda host, session, arguments: strings.time_now(arguments)),
    _local("MULTI", 1, connection.multi, control=True),
    _local("DISCARD", 1, connection.discard, control=True),
    _local("UNWATCH", 1, connection.unwatch),
    # Carried out by the connection itself.
    Command("EXEC", 1, ("noscript",), NONE, "transactions", control=True),
    Command("WATCH", -2, ("fast", "noscript"), ALL, "transactions", control=True),
    _read("GET", 2, strings.get),
    _read("MGET", -2, strings.mget, ALL),
    _read("STRLEN", 2, strings.strlen),
    _write("SET", -3, strings.set_),
    _write("SETEX", 4, strings.setex),
    _write("PSETEX", 4, strings.psetex),
    _write("SETNX", 3, strings.setnx),
    _write("GETSET", 3, strings.getset),
    _write("GETDEL", 2, strings.getdel),
    _write("GETEX", -2, strings.getex),
    _write("MSET", -3, strings.mset, PAIRS),
    _write("MSETNX", -3, strings.msetnx, PAIRS),
    _write("INCR", 2, strings.incr),
    _write("DECR", 2, strings.decr),
    _write("INCRBY", 3, strings.incrby),
    _write("DECRBY", 3, strings.decrby),
    _write("DEL", -2, keys.delete, ALL, "generic"),
    _write("UNLINK", -2, keys.delete, ALL, "generic"),
    _read("EXISTS", -2, keys.exists, ALL, "generic"),
    _read("TOUCH", -2, keys.exists, ALL, "generic"),
    _read("TYPE", 2, keys.type_, ONE, "generic"),
    _write("EXPIRE", -3, keys.expire_in, ONE, "generic"),
    _write("PEXPIRE", -3, keys.pexpire, ONE, "generic"),
    _write("EXPIREAT", -3, keys.expireat, ONE, "generic"),
    _write("PEXPIREAT", -3, keys.pexpireat, ONE, "generic"),
    _write("PERSIST", 2, keys.persist, ONE, "generic"),
    _read("TTL", 2, keys.ttl, ONE, "generic"),
    _read("PTTL", 2, keys.pttl, ONE, "generic"),
    _read("EXPIRETIME", 2, keys.expiretime, ONE, "generic"),
    _read("PEXPIRETIME", 2, keys.pexpiretime, ONE, "generic"),
    _write(private.WRITE, 2, private.write, NONE, "generic"),
    _read("KEYS", 2, keys.keys, NONE, "generic"),
    _read("SCAN", -2, keys.scan, NONE, "generic"),
    _read("DBSIZE", 1, keys.dbsize, NONE, "server"),
)
COMMANDS = {command.name: command for command in _ALL}
_BY_WORD = {
    word.encode(): command for name, command in COMMANDS.items() for word in (name, name.lower())
}


def find(words: Sequence[bytes]) -> Command:
    """Return the command that ``words`` call, its name first.

    Raises:
        CommandError: there is no such command, or it has another number of arguments.
    """
    found = _BY_WORD.get(words[0]) or COMMANDS.get(
        name := words[0].decode(errors="replace").upper()
    )
    if found is None:
        if name in UNSUPPORTED:
            raise CommandError(f"ERR unsupported by cachedesk: {name}")
        raise CommandError(_unknown(words))
    if not found.takes(len(words)):
        raise CommandError(f"ERR wrong number of arguments for '{found.name.lower()}' command")
    return found


def _unknown(words: Sequence[bytes]) -> str:
    shown = words[0][:_MOST_SHOWN].decode(errors="replace")
    arguments = ""
    for word in words[1:]:
        if len(arguments) >= _MOST_SHOWN:
            break
        # As Redis does, which takes a zero byte for the end of a text.
        its = word[: _MOST_SHOWN - len(arguments)].split(b"\0")[0]
        arguments += f"'{its.decode(errors='replace')}' "
    return f"ERR unknown command '{shown}', with args beginning with: {arguments}"
