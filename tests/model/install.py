"""Puts the scheduler under the engine's modules, by name. (The stores are injected: ``stores``.)

Done once in a process, which is then good for nothing else. What is replaced is found by what it
is, not by where it is used, so the engine's files may move without the model.
"""

from __future__ import annotations

import importlib
import queue
import random
import threading
import time
from types import ModuleType
from typing import Any

from tests.model import instrument, primitives

_REAL_LOCKS = ("observe.metrics", "observe.event_ring", "core.failpoints")
"""Nothing gives way while these hold a lock, so a real one is as good."""


def install() -> None:
    """Instrument, import and patch the engine."""
    instrument.check_names(_REAL_LOCKS)
    instrument.install()
    modules = [importlib.import_module(name) for name in instrument.module_names()]
    instrument.check_examined()
    from cachedesk.engine import writer
    from cachedesk.stores.redis import namespace
    from tests.model import deadlines, redis

    replaced = _replacements()
    for module in modules:
        kept = (
            {threading}
            if module.__name__.removeprefix(instrument.PACKAGE) in _REAL_LOCKS
            else set()
        )
        for name, value in list(vars(module).items()):
            for real, model in replaced:
                if value is real and real not in kept and not _defines(module, value):
                    setattr(module, name, model)
    _turn_at_failpoints()
    writer.deadline_of = deadlines.noting(writer.deadline_of)
    namespace.new_generation = redis.new_generation
    _make_small()


def _replacements() -> list[tuple[Any, Any]]:
    from cachedesk.engine.call_thread import CallThread
    from cachedesk.observe.event_logging import EventLogger
    from tests.model import stores

    return [
        (threading, primitives.Threading),
        (time, primitives.Time),
        (random, primitives.Chance),
        (queue.SimpleQueue, primitives.SimpleQueue),
        (CallThread, stores.DirectCalls),
        (EventLogger, stores.NoEventLogger),
    ]


def _turn_at_failpoints() -> None:
    from cachedesk.core.failpoints import Failpoints

    real_reach = Failpoints.reach

    def reach(self: Failpoints, point: str) -> None:
        primitives.turn(point)
        real_reach(self, point)

    Failpoints.reach = reach  # type: ignore[method-assign]


def _make_small() -> None:
    """What is rare at its real size (a trim, a stripe shared by two keys) is made frequent."""
    from cachedesk.core import clock
    from cachedesk.engine import key_versions, local_flusher, purger
    from cachedesk.observe import auditor
    from cachedesk.stores.redis import trusted_server
    from tests.model.scheduler import WALL_CLOCK_SECONDS

    local_flusher._BATCHES_PER_TRIM = 2
    key_versions.STRIPES = 8
    trusted_server._MOST_DISTRUSTED_KEYS = 1
    purger._MORE_SECONDS, purger._AGAIN_SECONDS, purger._LOOK_SECONDS = 0.001, 0.005, 0.05
    purger._EXPECTED_SECONDS = 0.001
    auditor.Auditor.every_seconds, auditor._REST = 0.05, 0
    # Taken when the module was imported, before it was patched.
    clock._BEGAN = WALL_CLOCK_SECONDS


def _defines(module: ModuleType, value: object) -> bool:
    return getattr(value, "__module__", None) == module.__name__
