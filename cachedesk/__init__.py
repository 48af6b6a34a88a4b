"""cachedesk: move fast in Redis, commit safely through the log, trust the database.

    import cachedesk
    with cachedesk.open("data") as cache:
        cache.incr("views:article:123")

Heavy parts are loaded on first use, so that importing this costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from cachedesk.engine.dead import DeadLetter as DeadLetter
    from cachedesk.engine.errors import (
        CachedeskError as CachedeskError,
    )
    from cachedesk.engine.errors import (
        Closed as Closed,
    )
    from cachedesk.engine.errors import (
        ConfigError as ConfigError,
    )
    from cachedesk.engine.errors import (
        CounterOverflow as CounterOverflow,
    )
    from cachedesk.engine.errors import (
        Damaged as Damaged,
    )
    from cachedesk.engine.errors import (
        DataDirectoryError as DataDirectoryError,
    )
    from cachedesk.engine.errors import (
        InUse as InUse,
    )
    from cachedesk.engine.errors import (
        InvalidKey as InvalidKey,
    )
    from cachedesk.engine.errors import (
        InvalidValue as InvalidValue,
    )
    from cachedesk.engine.errors import (
        LogFull as LogFull,
    )
    from cachedesk.engine.errors import (
        NoDeadLetter as NoDeadLetter,
    )
    from cachedesk.engine.errors import (
        NotACounter as NotACounter,
    )
    from cachedesk.engine.errors import (
        OutcomeUnknown as OutcomeUnknown,
    )
    from cachedesk.engine.errors import (
        Unavailable as Unavailable,
    )
    from cachedesk.engine.errors import (
        WriteRefused as WriteRefused,
    )
    from cachedesk.engine.layer import CacheLayer as CacheLayer
    from cachedesk.engine.policy import Policy as Policy
    from cachedesk.engine.repair import Read as Read
    from cachedesk.engine.settings import Settings as Settings
    from cachedesk.engine.writes import Receipt as Receipt

__version__ = "0.1.0"

_HOMES = {
    "CacheLayer": "layer",
    "DeadLetter": "dead",
    "Policy": "policy",
    "Read": "repair",
    "Receipt": "writes",
    "Settings": "settings",
    **dict.fromkeys(
        (
            "CachedeskError",
            "Closed",
            "ConfigError",
            "CounterOverflow",
            "Damaged",
            "DataDirectoryError",
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
        "errors",
    ),
}

__all__ = ["open", *sorted(_HOMES)]


def open(
    path: str | PathLike[str],
    *,
    policies: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> CacheLayer:
    """Open the cache stack of a data directory, recover what a crash left, and serve.

    Args:
        path: the data directory; made if it does not exist. One process at a time.
        policies: key pattern to ``"write-through"`` or ``"write-behind"``; the first match
            wins, and a key that none matches is written through. Default: see ``Settings``.
        settings: everything else.

    Returns:
        A thread-safe ``CacheLayer``; close it, or use it with ``with``.

    Raises:
        InUse: another process has the directory; the message names it.
        DataDirectoryError: the directory cannot be used, or a file in it is damaged.
        ConfigError: a policy or a setting is wrong.
    """
    import msgspec

    from cachedesk.config import as_policies, checked
    from cachedesk.engine.settings import Settings
    from cachedesk.engine.stack import Stack

    settings = Settings() if settings is None else checked(settings)
    if policies is not None:
        settings = msgspec.structs.replace(settings, policies=as_policies(policies))
    return Stack(path, settings).layer


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"cachedesk.engine.{_HOMES[name]}"), name)
