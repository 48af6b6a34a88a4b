"""Commands carried out: each by the part of the stack that it is for."""

from __future__ import annotations

import reprlib

from cachedesk.chaos.injector import FaultInjector
from cachedesk.chaos.safeguard_switches import SafeguardSwitches
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
from cachedesk.core.errors import Unavailable
from cachedesk.core.snapshot import EventKind
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.flush_worker import FlushWorker
from cachedesk.observe.event_ring import EventRing
from cachedesk.stores.redis.embedded_redis import EmbeddedRedis


class CommandRunner:
    """The commands of one running stack. Thread-safe."""

    def __init__(
        self,
        *,
        redis: EmbeddedRedis,
        worker: FlushWorker,
        pending: PendingEvents,
        faults: FaultInjector,
        switches: SafeguardSwitches,
        events: EventRing,
    ) -> None:
        self._redis = redis
        self._worker = worker
        self._pending = pending
        self._faults = faults
        self._switches = switches
        self._events = events

    def perform(self, command: Command) -> str:
        """Carry out ``command``; see ``Stack.perform``."""
        match command:
            case EvictKey() | EvictMatching() | EvictShare():
                return self._say(self._evict(command))
            case SetMemory(maxmemory_bytes, eviction_policy):
                return self._say(self._redis.set_limits(maxmemory_bytes, eviction_policy))
            case EvictAll():
                return self._faults.inject("redis.empty")
            case Inject(fault, seconds):
                return self._faults.inject(fault, seconds)
            case Heal(fault):
                return self._faults.heal(fault)
            case PauseWorker():
                if not self._worker.state().paused:
                    self._events.begin("worker.pause", lasting=True)
                self._worker.pause()
                logged = self._switches.safeguards.log
                fills = "write-behind fills the log" if logged else "dirty keys are not copied"
                return self._say(f"the worker is paused; {fills}")
            case ResumeWorker():
                self._worker.resume()
                self._events.end("worker.pause")
                return self._say("the worker goes on")
            case StepWorker():
                self._worker.step()
                self._switches.step()
                return self._say("the worker flushes one batch")
            case SetBatch(events, age_seconds):
                self._worker.set_batch(events, age_seconds)
                return self._say(
                    f"a batch is {self._worker.batch_events:,} events or"
                    f" {self._worker.batch_age_seconds:g} s"
                )
            case SetSafeguard(name, on):
                return self._say(self._switches.switch(name, on))
        raise Unavailable(f"the stack cannot carry out {command!r}")

    def _evict(self, command: EvictKey | EvictMatching | EvictShare) -> str:
        match command:
            case EvictKey(key):
                found = self._redis.evict_key(key)
                how = "was evicted from Redis" if found else "was not in Redis"
                return f"{key.decode(errors='replace')} {how}"
            case EvictMatching(pattern):
                evicted = self._redis.evict_matching(pattern)
                which = f"{evicted:,} keys that match {reprlib.repr(pattern)}"
                return f"{which} were evicted from Redis; {self._pending.kept}"
            case EvictShare(share):
                evicted, keys = self._redis.evict_share(share)
                which = f"{evicted:,} of {keys:,} keys, chosen at random,"
                return f"{which} were evicted from Redis; {self._pending.kept}"

    def _say(self, sentence: str) -> str:
        self._events.say(EventKind.INFO, sentence)
        return sentence
