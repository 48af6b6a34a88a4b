"""cachedesk: move fast in Redis, commit safely through the log, trust the database.

    import cachedesk

    with cachedesk.open("data") as cache:
        cache.incr("views:article:123")

Heavy parts are loaded on first use, so that importing this costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from cachedesk.core.codecs import (
        Codec as Codec,
        JsonCodec as JsonCodec,
        MsgpackCodec as MsgpackCodec,
    )
    from cachedesk.client.client import Client as Client
    from cachedesk.core.dead_letter import DeadLetter as DeadLetter
    from cachedesk.core.errors import (
        CachedeskError as CachedeskError,
        CodecError as CodecError,
        Closed as Closed,
        ConfigError as ConfigError,
        CounterOverflow as CounterOverflow,
        Damaged as Damaged,
        DataDirectoryError as DataDirectoryError,
        Forked as Forked,
        InUse as InUse,
        InvalidKey as InvalidKey,
        InvalidValue as InvalidValue,
        LogFull as LogFull,
        NoDeadLetter as NoDeadLetter,
        NotACounter as NotACounter,
        OutcomeUnknown as OutcomeUnknown,
        Unavailable as Unavailable,
        WriteRefused as WriteRefused,
    )
    from cachedesk.engine.cache_layer import CacheLayer as CacheLayer
    from cachedesk.engine.face.coded_layer import CodedCacheLayer as CodedCacheLayer
    from cachedesk.core.key_report import KeyReport as KeyReport
    from cachedesk.core.policy import Policy as Policy
    from cachedesk.core.reads import Read as Read, ReadSource as ReadSource
    from cachedesk.core.settings import (
        DatabaseSettings as DatabaseSettings,
        LogSettings as LogSettings,
        RedisSettings as RedisSettings,
        Settings as Settings,
        WorkerSettings as WorkerSettings,
    )
    from cachedesk.core.snapshot import (
        Books as Books,
        Event as Event,
        EventKind as EventKind,
        Health as Health,
        Snapshot as Snapshot,
    )
    from cachedesk.core.writes import Level as Level, Receipt as Receipt

    Codecs = Codec | str | Mapping[str, Codec | str | None]

__version__ = "0.1.0"

_HOMES = {
    "CacheLayer": "engine.cache_layer",
    "Client": "client.client",
    "CodedCacheLayer": "engine.face.coded_layer",
    **dict.fromkeys(("Codec", "JsonCodec", "MsgpackCodec"), "core.codecs"),
    "DeadLetter": "core.dead_letter",
    "KeyReport": "core.key_report",
    "Policy": "core.policy",
    **dict.fromkeys(("Read", "ReadSource"), "core.reads"),
    **dict.fromkeys(("Level", "Receipt"), "core.writes"),
    **dict.fromkeys(("Books", "Event", "EventKind", "Health", "Snapshot"), "core.snapshot"),
    **dict.fromkeys(
        ("DatabaseSettings", "LogSettings", "RedisSettings", "Settings", "WorkerSettings"),
        "core.settings",
    ),
    **dict.fromkeys(
        (
            "CachedeskError",
            "Closed",
            "CodecError",
            "ConfigError",
            "CounterOverflow",
            "Damaged",
            "DataDirectoryError",
            "Forked",
            "InUse",
            "InvalidKey",
            "InvalidValue",
            "LogFull",
            "NoDeadLetter",
            "NotACounter",
            "OutcomeUnknown",
            "Unavailable",
            "WriteRefused",
        ),
        "core.errors",
    ),
}

# Without "open": a star import must not replace the builtin.
__all__ = [*sorted(_HOMES)]


@overload
def open(
    path: str | PathLike[str],
    *,
    policies: Mapping[str, str | Policy] | None = None,
    settings: Settings | None = None,
    codec: None = None,
    observe: bool = False,
) -> CacheLayer: ...


@overload
def open(
    path: str | PathLike[str],
    *,
    policies: Mapping[str, str | Policy] | None = None,
    settings: Settings | None = None,
    codec: Codecs,
    observe: bool = False,
) -> CodedCacheLayer: ...


def open(
    path: str | PathLike[str],
    *,
    policies: Mapping[str, str | Policy] | None = None,
    settings: Settings | None = None,
    codec: Codecs | None = None,
    observe: bool = False,
) -> CacheLayer:
    """Open the cache stack of a data directory, recover what a crash left, and serve.

    Args:
        path: the data directory; created if it does not exist. Only one process at a time can
            open it.
        policies: key pattern to ``"write-through"`` or ``"write-behind"``; the first match
            wins, and a key that no pattern matches is written through. They replace the
            policies of the settings. Default: see ``Settings``.
        settings: all other settings; sizes are in bytes, or text like ``"64mb"``. By default
            they are read from ``cachedesk.toml`` in the data directory, if that file exists;
            with ``settings`` it is not read.
        codec: how values that are not bytes are stored: ``"json"``, ``"msgpack"``, a ``Codec``, or
            a mapping of key patterns to these or ``None``. It replaces the codecs of the settings.
            By default values are bytes.
        observe: count and time calls, for ``snapshot``, and keep when the newest writes were
            durable, cached and applied, for ``explain``. It adds about a tenth to the time of a
            cache hit. Without it a snapshot has ``observed=False``; the state of the parts and
            the event balance are still in it.

    Returns:
        A thread-safe ``CacheLayer``. Close it, or use it in a ``with`` statement.

    Raises:
        InUse: another process, or this one, has the directory open; the message names it.
        Forked: the directory was open in the parent process when this one was forked from it.
        DataDirectoryError: the directory cannot be used, or a file in it is damaged.
        ConfigError: a policy or a setting is invalid; the message names the file, if it came
            from one.

    >>> with open("data", policies={"views:*": "write-behind"}) as cache:
    ...     cache.incr("views:article:123")
    1
    >>> open("data", policies={"views:*": "write-back"})
    Traceback (most recent call last):
    cachedesk.core.errors.ConfigError: unknown policy 'write-back': use ...
    """
    from pathlib import Path

    import msgspec

    from cachedesk.config import as_codecs, as_policies, checked, load
    from cachedesk.stack.dropped import closing_when_dropped
    from cachedesk.stack.stack import Stack

    settings = load(Path(path)) if settings is None else checked(settings)
    if policies is not None:
        settings = msgspec.structs.replace(settings, policies=as_policies(policies))
    codecs = settings.codecs if codec is None else as_codecs(codec)
    stack = Stack(path, settings, observe=observe, codecs=codecs)
    return closing_when_dropped(stack.layer, stack.calls)


def connect(
    where: str | PathLike[str],
    *,
    password: str | None = None,
    timeout_seconds: float = 30.0,
    connections: int = 64,
) -> Client:
    """Return a client of a server that ``cachedesk up`` has started.

    Args:
        where: the data directory of the server, ``unix:PATH``, ``tcp:HOST:PORT``, or a URL such as
            ``redis://:PASSWORD@HOST:PORT``.
        password: of the server, if it has one.
        timeout_seconds: how long a call may take.
        connections: the most at a time; a call beyond that waits for one.

    Returns:
        A thread-safe ``Client``. The first call connects.

    Raises:
        ConfigError: ``where`` cannot be read.
    """
    from cachedesk.client.client import Client

    return Client(
        where, password=password, timeout_seconds=timeout_seconds, connections=connections
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"cachedesk.{_HOMES[name]}"), name)
