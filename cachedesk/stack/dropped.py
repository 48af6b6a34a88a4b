"""A layer that is dropped without ``close`` closes its stack.

The threads of a stack refer to it, so the garbage collector never finds the stack itself. The user
is given a twin of its layer, to which no part of the stack refers, with a finalizer. That runs in
any thread, between any two instructions, perhaps while the thread holds a lock of the stack: so it
takes no lock and waits for nothing, and only queues the close for the call thread. At the exit of
the interpreter, and in a forked child, it does nothing.
"""

from __future__ import annotations

import gc
import os
import threading
import warnings
import weakref
from typing import TypeVar

from cachedesk.core.errors import InUse
from cachedesk.core.stores import Location, Place, Stores
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.call_thread import CallThread

P = TypeVar("P", bound=Place)
L = TypeVar("L", bound=CacheLayer)

_WAIT_SECONDS = 60.0

_closing: list[threading.Event] = []
"""One for each stack that is being closed because its layer was dropped; set at the end."""

os.register_at_fork(after_in_child=_closing.clear)


def closing_when_dropped(layer: L, calls: CallThread) -> L:
    """Return a twin of ``layer``: an object of the same state that closes the stack when it is
    garbage.

    Args:
        layer: of the stack, which refers to it.
        calls: the call thread of the stack, which closes it.
    """
    twin = object.__new__(type(layer))
    # The same dictionary, not a copy of it.
    twin.__dict__ = layer.__dict__
    weakref.finalize(twin, _drop, layer, calls).atexit = False
    return twin


def lock_after_dropped(stores: Stores[P], path: Location) -> P:
    """Lock the location at ``path``. If it is in use, perhaps by the stack of a dropped layer,
    collect garbage, wait until such stacks are closed, and try again.

    Raises:
        DataDirectoryError: it cannot be used.
        InUse: it is still in use.
    """
    try:
        return stores.lock(path)
    except InUse:
        gc.collect()
    for closed in list(_closing):
        closed.wait(_WAIT_SECONDS)
    # Also if none is being closed: one may just have been.
    return stores.lock(path)


def _drop(layer: CacheLayer, calls: CallThread) -> None:
    if layer.closing:
        return
    closed = threading.Event()

    def close() -> None:
        try:
            layer.close()
        finally:
            _closing.remove(closed)
            closed.set()
        warnings.warn(f"{layer!r} was dropped without close()", ResourceWarning, stacklevel=1)

    _closing.append(closed)
    if not calls.queue_last(close):
        _closing.remove(closed)
