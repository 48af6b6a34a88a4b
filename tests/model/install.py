"""Puts the scheduler under the engine's modules, by name, and the stores behind its three seams.

Done once in a process, which is then good for nothing else. What is replaced is found by what it
is, not by where it is used, so the engine's files may move without the model.
"""

from __future__ import annotations

import importlib
import pkgutil
import queue
import random
import threading
import time
from types import ModuleType
from typing import Any

from persistqueue import SQLiteQueue

from tests.model import instrument, primitives

_REAL_LOCKS = ("metrics", "chronicle", "failpoints")
"""Nothing gives way while these hold a lock, so a real one is as good."""


def install() -> None:
    """Instrument, import and patch the engine."""
    instrument.check_names(_REAL_LOCKS)
    instrument.install()
    engine = importlib.import_module("cachedesk.engine")
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(engine.__path__, "cachedesk.engine.")
    ]
    instrument.check_examined()
    from tests.model import stores

    replaced = _replacements()
    for module in modules:
        kept = {threading} if module.__name__.rpartition(".")[2] in _REAL_LOCKS else set()
        for name, value in list(vars(module).items()):
            for real, model in replaced:
                if value is real and real not in kept and not _defines(module, value):
                    setattr(module, name, model)
            if _is_the_queue(value):
                setattr(module, name, stores.ModelQueue)
    _turn_at_failpoints()
    _make_small()


def _replacements() -> list[tuple[Any, Any]]:
    from cachedesk.engine.call_thread import CallThread
    from cachedesk.engine.database import Database
    from cachedesk.engine.directory import DataDirectory
    from cachedesk.engine.faults import catalogue
    from cachedesk.engine.presence import OpenFiles
    from cachedesk.engine.redis_server import RedisServer
    from cachedesk.engine.redis_wire import RedisWire
    from cachedesk.engine.soundness import examine
    from cachedesk.engine.witness import Witness
    from tests.model import redis, stores

    return [
        (threading, primitives.Threading),
        (time, primitives.Time),
        (random, primitives.Chance),
        (queue.SimpleQueue, primitives.SimpleQueue),
        (RedisWire, redis.ModelWire),
        (RedisServer, redis.ModelRedisServer),
        (Database, stores.ModelDatabase),
        (DataDirectory, stores.ModelDirectory),
        (Witness, stores.ModelWitness),
        (OpenFiles, stores.ModelFiles),
        (examine, stores.no_examination),
        (catalogue, lambda *_: ()),
        (CallThread, stores.DirectCalls),
    ]


def _turn_at_failpoints() -> None:
    from cachedesk.engine.failpoints import Failpoints

    real_reach = Failpoints.reach

    def reach(self: Failpoints, point: str) -> None:
        primitives.turn(point)
        real_reach(self, point)

    Failpoints.reach = reach  # type: ignore[method-assign]


def _make_small() -> None:
    """What is rare at its real size (a trim, a stripe shared by two keys) is made frequent."""
    from cachedesk.engine import auditor, clock, freshness, worker
    from tests.model.scheduler import WALL_CLOCK_SECONDS

    worker._BATCHES_PER_TRIM = 2
    freshness.STRIPES = 8
    auditor.Auditor.every_seconds, auditor._REST = 0.05, 0
    # Taken when the module was imported, before it was patched.
    clock._BEGAN = WALL_CLOCK_SECONDS


def _is_the_queue(value: object) -> bool:
    """Whether it is the log's own kind of persist-queue's queue."""
    return isinstance(value, type) and issubclass(value, SQLiteQueue) and value is not SQLiteQueue


def _defines(module: ModuleType, value: object) -> bool:
    return getattr(value, "__module__", None) == module.__name__
