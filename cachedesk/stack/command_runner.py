"""The command runner: it passes each command to the part of the stack that carries it out."""

from __future__ import annotations

import reprlib

from cachedesk.chaos.injector import FaultInjector
from cachedesk.chaos.safeguard_switches import SafeguardSwitches
from cachedesk.core.capabilities import ResizableCache
from cachedesk.core.commands import (
    Command,
    EvictAll,
    EvictKey,
    EvictMatching,
    EvictShare,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetBatch,
    SetMemory,
    SetSafeguard,
    StepWorker,
)
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import Unavailable
from cachedesk.core.ports import CacheStore
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.observe.event_ring import EventRing

_EMPTY = "redis.empty"


class CommandRunner:
    """Carries out commands on a running stack. Thread-safe."""

    def __init__(
        self,
        *,
        cache: CacheStore,
        worker: FlushWorker,
        pending: PendingEvents,
        faults: FaultInjector,
        switches: SafeguardSwitches,
        events: EventRing,
    ) -> None:
        self._cache = cache
        self._worker = worker
        self._pending = pending
        self._faults = faults
        self._switches = switches
        self._events = events

    def perform(self, command: Command) -> str:
        """Carry out ``command``; see ``Stack.perform``."""
        match command:
            case EvictKey() | EvictMatching() | EvictShare():
                return self._evict(command)
            case SetMemory(maxmemory_bytes, eviction_policy):
                result = self._resizable().set_limits(maxmemory_bytes, eviction_policy)
                return self._events.add(
                    EventCode.REDIS_LIMITS_SET,
                    maxmemory_bytes=maxmemory_bytes,
                    eviction_policy=eviction_policy,
                    result=result,
                )
            case EvictAll():
                return self._evict_all()
            case Inject(fault, seconds):
                return self._faults.inject(fault, seconds)
            case Heal(fault):
                return self._faults.heal(fault)
            case PauseWorker():
                if not self._worker.state().paused:
                    self._events.begin("worker.pause", lasting=True)
                self._worker.controls.pause()
                return self._events.add(
                    EventCode.WORKER_PAUSED, logged=self._switches.safeguards.log
                )
            case ResumeWorker():
                self._worker.controls.resume()
                self._events.end("worker.pause")
                return self._events.add(EventCode.WORKER_RESUMED)
            case StepWorker():
                self._worker.controls.step()
                self._switches.step()
                return self._events.add(EventCode.WORKER_STEPPED)
            case SetBatch(events, age_seconds):
                self._worker.controls.set_batch(events, age_seconds)
                return self._events.add(
                    EventCode.WORKER_BATCH_SET,
                    events=self._worker.controls.batch_events,
                    age_seconds=self._worker.controls.batch_age_seconds,
                )
            case SetSafeguard(name, on):
                self._switches.switch(name, on)
                return self._events.add(EventCode.SAFEGUARD_SWITCHED, name=name, on=on)
        raise Unavailable(f"the stack cannot carry out {command!r}")

    def _evict_all(self) -> str:
        if self._faults.offers(_EMPTY):
            return self._faults.inject(_EMPTY)
        return self._events.add(
            EventCode.REDIS_PATTERN_EVICTED,
            pattern="'*'",
            evicted=self._cache.evict_all(),
            kept_by=self._pending.kept,
        )

    def _resizable(self) -> ResizableCache:
        if not isinstance(self._cache, ResizableCache):
            raise Unavailable(f"the limits of {self._cache.name} cannot be changed")
        return self._cache

    def _evict(self, command: EvictKey | EvictMatching | EvictShare) -> str:
        match command:
            case EvictKey(key):
                return self._events.add(
                    EventCode.REDIS_KEY_EVICTED,
                    key=key.decode(errors="replace"),
                    found=self._cache.evict_key(key),
                )
            case EvictMatching(pattern):
                return self._events.add(
                    EventCode.REDIS_PATTERN_EVICTED,
                    pattern=reprlib.repr(pattern),
                    evicted=self._cache.evict_matching(pattern),
                    kept_by=self._pending.kept,
                )
            case EvictShare(share):
                evicted, keys = self._cache.evict_share(share)
                return self._events.add(
                    EventCode.REDIS_SHARE_EVICTED,
                    evicted=evicted,
                    keys=keys,
                    kept_by=self._pending.kept,
                )
