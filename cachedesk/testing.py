"""A cache stack for tests: the real engine on stores in memory, open in milliseconds.

It needs no Redis, no files and no other process; the paths, the worker, the order of writes and
the errors are those of a stack on disk. So a program that uses cachedesk can be tested quickly,
including its behaviour on failures:

>>> from cachedesk import testing
>>> stores = testing.InMemoryStores()
>>> cache = testing.open(stores)
>>> cache.set("order:17", b"paid").level
'applied'
>>> cache.incr("views:article:1")
1

Without the cache, reads come from the database. Without both, a read raises an error:

>>> with stores.cache_down():
...     str(cache.read("order:17").source)
'database'
>>> with stores.cache_down(), stores.database_down():
...     cache.get("order:17")
Traceback (most recent call last):
...
cachedesk.core.errors.Unavailable: Redis has no copy and the database in memory does not answer

Acknowledged writes survive the death of the process:

>>> stores.crash()
>>> cache = testing.open(stores)
>>> cache.get("order:17"), cache.get("views:article:1")
(b'paid', b'1')
>>> cache.close()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import msgspec

from cachedesk.config import as_codecs, as_policies, checked
from cachedesk.core.codecs import Codec
from cachedesk.core.policy import Policy
from cachedesk.core.settings import Settings
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.face.coded_layer import CodedCacheLayer
from cachedesk.stack.stack import Stack
from cachedesk.stores.memory.cache import InMemoryCache
from cachedesk.stores.memory.database import InMemoryDatabase
from cachedesk.stores.memory.log import InMemoryLog
from cachedesk.stores.memory.stores import InMemoryStores

Codecs = Codec | str | Mapping[str, Codec | str | None]

__all__ = ["InMemoryCache", "InMemoryDatabase", "InMemoryLog", "InMemoryStores"]


@overload
def open(
    stores: InMemoryStores | None = None,
    *,
    policies: Mapping[str, str | Policy] | None = None,
    settings: Settings | None = None,
    codec: None = None,
    observe: bool = False,
) -> CacheLayer: ...


@overload
def open(
    stores: InMemoryStores | None = None,
    *,
    policies: Mapping[str, str | Policy] | None = None,
    settings: Settings | None = None,
    codec: Codecs,
    observe: bool = False,
) -> CodedCacheLayer: ...


def open(
    stores: InMemoryStores | None = None,
    *,
    policies: Mapping[str, str | Policy] | None = None,
    settings: Settings | None = None,
    codec: Codecs | None = None,
    observe: bool = False,
) -> CacheLayer:
    """Open a cache stack on stores in memory.

    Args:
        stores: the stores to open it on. Keep a reference to make them fail, to crash the stack,
            or to open another stack on them. By default new ones are created.
        policies: as for ``cachedesk.open``.
        settings: as for ``cachedesk.open``, but no file is read, and those of Redis have no
            effect.
        codec: as for ``cachedesk.open``.
        observe: as for ``cachedesk.open``.

    Returns:
        A thread-safe ``CacheLayer``. Close it, or use it in a ``with`` statement.

    Raises:
        InUse: a stack is open on ``stores``.
        ConfigError: a policy or a setting is invalid.

    >>> with open(policies={"*": "write-behind"}) as cache:
    ...     cache.set("anything", b"1").level
    'durable'
    """
    stores = InMemoryStores() if stores is None else stores
    settings = checked(Settings() if settings is None else settings)
    if policies is not None:
        settings = msgspec.structs.replace(settings, policies=as_policies(policies))
    codecs = settings.codecs if codec is None else as_codecs(codec)
    layer = Stack("memory", settings, stores=stores.stores, observe=observe, codecs=codecs).layer
    stores.opened(layer.close)
    return layer
