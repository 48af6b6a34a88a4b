"""Commands about the server: ``COMMAND`` and ``INFO``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cachedesk import __version__
from cachedesk.core.snapshot import Snapshot
from cachedesk.server.commands.connection import unknown_subcommand
from cachedesk.server.plan import CommandError, Keyspace, Survey
from cachedesk.server.replies import Reply, Status
from cachedesk.server.session import Host, Session
from cachedesk.server.version import REDIS_VERSION

if TYPE_CHECKING:
    from cachedesk.server.commands.table import Command

Arguments = Sequence[bytes]
_ALL = (b"all", b"default", b"everything")


def command(host: Host, session: Session, arguments: Arguments) -> Reply:
    """``COMMAND [COUNT | DOCS [name ...] | INFO [name ...] | LIST]``"""
    from cachedesk.server.commands.table import COMMANDS

    if not arguments:
        return [_details(each) for each in COMMANDS.values()]
    match arguments[0].upper():
        case b"COUNT" if len(arguments) == 1:
            return len(COMMANDS)
        case b"LIST" if len(arguments) == 1:
            return [name.lower() for name in COMMANDS]
        case b"INFO":
            if len(arguments) == 1:
                return [_details(each) for each in COMMANDS.values()]
            named = (COMMANDS.get(_text(each)) for each in arguments[1:])
            return [None if each is None else _details(each) for each in named]
        case b"DOCS":
            names = [_text(each) for each in arguments[1:]] or list(COMMANDS)
            return {name.lower(): _docs(COMMANDS[name]) for name in names if name in COMMANDS}
        case b"COUNT" | b"LIST":
            its = _text(arguments[0]).lower()
            raise CommandError(f"ERR wrong number of arguments for 'command|{its}' command")
    raise unknown_subcommand("COMMAND", arguments[0])


def _text(name: bytes) -> str:
    return name.decode(errors="replace").upper()


def _details(its: Command) -> Reply:
    first, last, step = its.keys
    flags = [Status(flag) for flag in its.flags]
    return [its.name.lower(), its.arity, flags, first, last, step, [], [], [], []]


def _docs(its: Command) -> Reply:
    return {"summary": its.summary, "since": "1.0.0", "group": its.group}


def info(host: Host, session: Session, arguments: Arguments) -> Survey:
    """``INFO [section ...]``"""
    wanted = {each.lower() for each in arguments}
    own = host.figures()

    def run(keyspace: Keyspace) -> Reply:
        sections = _sections(keyspace.snapshot(), own)
        shown = {
            name: lines
            for name, lines in sections.items()
            if not wanted or not wanted.isdisjoint((*_ALL, name.lower().encode()))
        }
        return "\r\n".join(_section(name, lines) for name, lines in shown.items())

    return Survey(run)


def _section(name: str, lines: Mapping[str, int | str]) -> str:
    return f"# {name}\r\n" + "".join(f"{key}:{value}\r\n" for key, value in lines.items())


def _sections(
    snapshot: Snapshot, own: Mapping[str, Mapping[str, int | str]]
) -> dict[str, Mapping[str, int | str]]:
    reads, books, redis = snapshot.reads, snapshot.books, snapshot.redis
    return {
        "Server": {
            "redis_version": REDIS_VERSION,
            "cachedesk_version": __version__,
            "redis_mode": "standalone",
            "os": os.uname().sysname,
            "arch_bits": 64 if sys.maxsize > 2**32 else 32,
            "process_id": os.getpid(),
            "uptime_in_seconds": int(snapshot.uptime_seconds),
            **own.get("Server", {}),
        },
        "Clients": own.get("Clients", {}),
        "Memory": {"used_memory": redis.memory_bytes, "maxmemory": redis.maxmemory_bytes,
                   "maxmemory_policy": redis.eviction_policy},
        "Persistence": {"loading": 0, "aof_enabled": 1},
        "Stats": {
            **own.get("Stats", {}),
            "keyspace_hits": reads.hits,
            "keyspace_misses": reads.misses,
            "evicted_keys": redis.evicted,
        },
        "Replication": {"role": "master", "connected_slaves": 0},
        "Cluster": {"cluster_enabled": 0},
        "Cachedesk": {
            "redis": f"{redis.health} ({redis.word})",
            "log": f"{snapshot.log.health} ({snapshot.log.word})",
            "worker": f"{snapshot.worker.health} ({snapshot.worker.word})",
            "database": f"{snapshot.database.health} ({snapshot.database.word})",
            "accepted": books.accepted,
            "applied": books.applied,
            "pending": books.pending,
            "dead": books.dead,
        },
        "Keyspace": {"db0": f"keys={snapshot.database.rows},expires=0,avg_ttl=0"}
        if snapshot.database.rows
        else {},
    }  # fmt: skip
