"""Commands about the connection: who the client is, and which protocol it speaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from cachedesk.server.arguments import SYNTAX, number_of
from cachedesk.server.plan import CommandError
from cachedesk.server.replies import OK, Reply, Status
from cachedesk.server.session import Host, Session, is_right
from cachedesk.server.version import REDIS_VERSION

Arguments = Sequence[bytes]
_NO_SPACE = re.compile(rb"[!-~]*")
_WRONG = "WRONGPASS invalid username-password pair or user is disabled."


def ping(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``PING [message]``"""
    if len(arguments) > 1:
        raise CommandError("ERR wrong number of arguments for 'ping' command")
    return arguments[0] if arguments else Status("PONG")


def echo(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``ECHO message``"""
    return arguments[0]


def select(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``SELECT 0``: there is one database."""
    if number_of(arguments[0]) != 0:
        raise CommandError("ERR DB index is out of range")
    return OK


def quit_(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``QUIT``"""
    session.closing = True
    return OK


def reset(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``RESET``: as after connecting."""
    session.discard()
    session.version, session.name = 2, ""
    session.authenticated = host.password is None
    return Status("RESET")


def auth(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``AUTH [username] password``"""
    if len(arguments) > 2:
        raise CommandError(SYNTAX)
    if host.password is None and len(arguments) == 1:
        raise CommandError(
            "ERR AUTH <password> called without any password configured for the default user."
            " Are you sure your configuration is correct?"
        )
    user = arguments[0] if len(arguments) == 2 else b"default"
    _authenticate(host, session, user, arguments[-1])
    return OK


def _authenticate(host: Host, session: Session, user: bytes, password: bytes) -> None:
    if user != b"default" or not (host.password is None or is_right(host.password, password)):
        raise CommandError(_WRONG)
    session.authenticated = True


def hello(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``HELLO [version [AUTH username password] [SETNAME name]]``"""
    version, name = session.version, None
    if arguments:
        version = number_of(arguments[0], "ERR Protocol version is not an integer or out of range")
        if version not in (2, 3):
            raise CommandError("NOPROTO unsupported protocol version")
    options = list(arguments[1:])
    credentials: tuple[bytes, bytes] | None = None
    while options:
        match options:
            case [word, user, password, *rest] if word.upper() == b"AUTH":
                credentials = user, password
            case [word, its, *rest] if word.upper() == b"SETNAME":
                name = _name(its)
            case _:
                shown = options[0].decode(errors="replace")
                raise CommandError(f"ERR Syntax error in HELLO option '{shown}'")
        options = rest
    if credentials:
        _authenticate(host, session, *credentials)
    if not session.authenticated:
        raise CommandError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the"
            " HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and"
            " select the RESP protocol version at the same time"
        )
    session.version = version
    if name is not None:
        session.name = name
    return {
        "server": "cachedesk",
        "version": REDIS_VERSION,
        "proto": version,
        "id": session.number,
        "mode": "standalone",
        "role": "master",
        "modules": [],
    }


def client(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``CLIENT ID | GETNAME | SETNAME | SETINFO | INFO | LIST | NO-EVICT | NO-TOUCH``"""
    name = arguments[0].upper().decode(errors="replace")
    if name not in _CLIENT:
        if name in _CLIENT_OF_REDIS:
            raise CommandError(f"ERR unsupported by cachedesk: CLIENT {name}")
        raise unknown_subcommand("CLIENT", arguments[0])
    least, most, function = _CLIENT[name]
    if not least <= len(arguments) - 1 <= most:
        raise CommandError(f"ERR wrong number of arguments for 'client|{name.lower()}' command")
    return function(host, session, arguments[1:])


def unknown_subcommand(command: str, name: bytes) -> CommandError:
    """Return the error for a subcommand that Redis does not have either."""
    shown = name[:128].decode(errors="replace")
    return CommandError(f"ERR unknown subcommand '{shown}'. Try {command} HELP.")


def _name(argument: bytes) -> str:
    if not _NO_SPACE.fullmatch(argument):
        raise CommandError(
            "ERR Client names cannot contain spaces, newlines or special characters."
        )
    return argument.decode()


def _set_name(host: Host, session: Session, arguments: Arguments) -> Reply:
    session.name = _name(arguments[0])
    return OK


def _set_info(host: Host, session: Session, arguments: Arguments) -> Reply:
    if not _NO_SPACE.fullmatch(arguments[1]):
        shown = arguments[0].decode(errors="replace").lower()
        raise CommandError(f"ERR {shown} cannot contain spaces, newlines or special characters.")
    match arguments[0].upper():
        case b"LIB-NAME":
            session.library = arguments[1].decode()
        case b"LIB-VER":
            session.library_version = arguments[1].decode()
        case _:
            shown = arguments[0].decode(errors="replace")
            raise CommandError(f"ERR Unrecognized option '{shown}'")
    return OK


def _list(host: Host, session: Session, arguments: Arguments) -> Reply:
    shown = list(host.sessions())
    match [each.upper() for each in arguments]:
        case []:
            pass
        case [b"TYPE", kind]:
            if kind not in (b"NORMAL", b"MASTER", b"REPLICA", b"SLAVE", b"PUBSUB"):
                raise CommandError(
                    f"ERR Unknown client type '{arguments[1].decode(errors='replace')}'"
                )
            shown = shown if kind == b"NORMAL" else []
        case [b"ID", _, *_]:
            wanted = {number_of(each, "ERR Invalid client ID") for each in arguments[1:]}
            shown = [each for each in shown if each.number in wanted]
        case _:
            raise CommandError(SYNTAX)
    return "".join(f"{each.describe()}\n" for each in shown)


def _switch(host: Host, session: Session, arguments: Arguments) -> Reply:
    if arguments[0].upper() not in (b"ON", b"OFF"):
        raise CommandError(SYNTAX)
    return OK


_CLIENT: dict[str, tuple[int, int, Callable[[Host, Session, Arguments], Reply]]] = {
    "ID": (0, 0, lambda host, session, arguments: session.number),
    "GETNAME": (0, 0, lambda host, session, arguments: session.name or None),
    "SETNAME": (1, 1, _set_name),
    "SETINFO": (2, 2, _set_info),
    "INFO": (0, 0, lambda host, session, arguments: session.describe() + "\n"),
    "LIST": (0, 100, _list),
    "NO-EVICT": (1, 1, _switch),
    "NO-TOUCH": (1, 1, _switch),
}
_CLIENT_OF_REDIS = {
    *("CACHING", "GETREDIR", "HELP", "KILL", "PAUSE", "REPLY", "TRACKING", "TRACKINGINFO"),
    *("UNBLOCK", "UNPAUSE"),
}


def multi(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``MULTI``"""
    session.queued = []
    return OK


def discard(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``DISCARD``"""
    if session.queued is None:
        raise CommandError("ERR DISCARD without MULTI")
    session.discard()
    return OK


def unwatch(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``UNWATCH``"""
    session.unwatch()
    return OK


def config(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``CONFIG GET pattern [pattern ...]``: only what clients look for."""
    from cachedesk.server.glob import matcher

    if arguments[0].upper() != b"GET":
        raise CommandError(
            f"ERR unsupported by cachedesk: CONFIG {arguments[0].decode(errors='replace').upper()}"
        )
    if len(arguments) < 2:
        raise CommandError("ERR wrong number of arguments for 'config|get' command")
    known: dict[str, Reply] = {
        # redis-benchmark asks for these two; a write is durable before its reply.
        "appendonly": "yes",
        "save": "",
        "databases": "1",
        "maxclients": str(host.limits.clients),
        "proto-max-bulk-len": str(host.limits.argument_bytes),
        "timeout": "0",
    }
    matches = [matcher(each.lower()) for each in arguments[1:]]
    return {
        name: value
        for name, value in known.items()
        if any(match(name.encode()) for match in matches)
    }
