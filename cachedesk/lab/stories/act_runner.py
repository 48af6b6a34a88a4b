"""Runs one act on its own real stack, with clients, and a ledger that judges it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from cachedesk.admin.draining import drain
from cachedesk.config import as_size, from_tables
from cachedesk.core.commands import (
    Command,
    EvictAll,
    EvictMatching,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetMemory,
    SetSafeguard,
    StepWorker,
)
from cachedesk.core.errors import CachedeskError
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.policy import PolicyTable
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.core.wording import count_of
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import Verdict
from cachedesk.lab.load.client import Client, Target
from cachedesk.lab.load.driver import Driver, Load
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.load.tally import Tally, total
from cachedesk.lab.load.workload import workload
from cachedesk.lab.run.judging import judge
from cachedesk.lab.run.schedule import Schedule, planned
from cachedesk.lab.run.timeline import Sampler, Timeline
from cachedesk.lab.stories import expressions
from cachedesk.lab.stories.key_ranges import named
from cachedesk.lab.stories.reading import faults_of
from cachedesk.lab.stories.script import Act, Keys, LoadSpec, Step
from cachedesk.lab.stories.story_figures import Figures, Observation, judged, live, written
from cachedesk.lab.stories.story_keys import KeyLine, keys_of, lines
from cachedesk.stack.stack import Stack

_POLL_SECONDS = 0.005
_DRAIN_SECONDS = 60.0
_MANY_WRITES, _WRITES_AT_ONCE = 1_000, 250
_STEERED: dict[str, Command] = {
    "pause": PauseWorker(),
    "resume": ResumeWorker(),
    "step": StepWorker(),
}


class StoryFailed(CachedeskError):
    """A step of a story could not be played."""


class ActRunner:
    """One act. One thread plays its steps; any thread may take snapshots."""

    def __init__(self, act: Act, data: Path, workload_title: str, failpoints: str = "") -> None:
        """Open a stack for ``act`` in the new folder ``data``, with ``failpoints`` armed
        (``point=terms;…``); errors as ``Stack``."""
        self._act = act
        self._keys = keys_of(act)
        self._data = data
        self._settings = _patient(from_tables(act.settings))
        self._ledger = Ledger()
        self._ledger.begin((), PolicyTable(self._settings.policies))
        self._tallies: list[Tally] = []
        self._noted: Figures = {}
        self._stopping = threading.Event()
        armed = Failpoints(failpoints)
        self.stack = Stack(data, self._settings, self._ledger, act.safeguards, armed)
        self.stack.workload = workload_title
        self._sampler = Sampler(self.stack)
        self._sampler.start()

    def figures(self) -> Figures:
        """Return the current figures, and those that were noted."""
        metrics = self.stack.metrics
        observation = Observation(
            self.stack.snapshot(),
            total(self._tallies),
            metrics.latencies(total=True),
            metrics.lag(total=True),
        )
        return live(observation) | self._noted

    def key_lines(self) -> tuple[KeyLine, ...]:
        """Return what each place holds of the keys that the act names."""
        return lines(self._keys, self.stack.inspect, self._ledger.expected)

    def play(self, step: Step) -> str:
        """Carry out ``step`` and return its result in words.

        Raises:
            StoryFailed: a condition that it waits for did not come true.
            CachedeskError: the stack cannot do it now.
        """
        for action in step.actions:
            play: Callable[[Step], str] = getattr(self, f"_play_{action}")
            return play(step)
        return ""

    def settle(self) -> None:
        """Heal all faults, and drain as far as possible."""
        if self.stack.faults.active:
            self.stack.perform(Heal())
        drain(self.stack.layer, _DRAIN_SECONDS, self._stopping)

    def finish(self) -> tuple[Verdict, Figures]:
        """Close the stack, and judge from the files; return the verdict and all figures.

        Raises:
            CachedeskError: the files cannot be read.
        """
        figures = self.figures()
        self.close()
        verdict = judge(self._ledger, self._data)
        policies = PolicyTable(self._settings.policies)
        return verdict, figures | judged(verdict, policies.of)

    def timeline(self) -> Timeline:
        """Return the timeline of the act, after it was closed."""
        return self._sampler.stop()

    def stop(self) -> None:
        """Make the current step end soon."""
        self._stopping.set()

    def close(self) -> None:
        """Close the stack, without a verdict. A second call does nothing."""
        self.stop()
        self._sampler.stop()
        self.stack.close()

    def _play_set(self, step: Step) -> str:
        return self._operate(Verb.SET, step.set)

    def _play_incr(self, step: Step) -> str:
        return self._operate(Verb.INCR, step.incr)

    def _play_delete(self, step: Step) -> str:
        return self._operate(Verb.DELETE, step.delete)

    def _play_get(self, step: Step) -> str:
        return self._operate(Verb.GET, step.get)

    def _play_load(self, step: Step) -> str:
        load = cast("LoadSpec", step.load)
        schedule = Schedule(
            map(planned, load.faults),
            lambda name, seconds: self.stack.perform(Inject(name, seconds)),
        )
        operations = workload(load.workload)(load.seed)
        amount = Load(load.clients, ops=load.ops)
        driver = Driver(self._target(), operations, amount, on_count=schedule.count)
        schedule.start()
        driver.start()
        while not driver.wait(_POLL_SECONDS):
            if self._stopping.is_set():
                driver.stop()
        tally = driver.finish()
        injected = schedule.finish()
        self._tallies.append(tally)
        for fault in injected:
            if not fault.injected:
                raise StoryFailed(f"{fault.name}@{fault.when} did not strike: {fault.said}")
        return "; ".join([_summary(tally), *(fault.said for fault in injected)])

    def _play_inject(self, step: Step) -> str:
        return "; ".join(self.stack.perform(Inject(fault)) for fault in faults_of(step))

    def _play_heal(self, step: Step) -> str:
        return self.stack.perform(Heal(None if step.heal == "all" else step.heal))

    def _play_worker(self, step: Step) -> str:
        return self.stack.perform(_STEERED[cast("str", step.worker)])

    def _play_evict(self, step: Step) -> str:
        everything = step.evict in ("*", "all")
        return self.stack.perform(
            EvictAll() if everything else EvictMatching(cast("str", step.evict))
        )

    def _play_memory(self, step: Step) -> str:
        return self.stack.perform(SetMemory(cast("int", as_size("memory", step.memory)), None))

    def _play_safeguard(self, step: Step) -> str:
        switches = (step.safeguard or {}).items()
        return "; ".join(self.stack.perform(SetSafeguard(name, on)) for name, on in switches)

    def _play_drain(self, step: Step) -> str:
        if drain(self.stack.layer, step.within, self._stopping) is None:
            raise StoryFailed(f"not everything was flushed within {step.within:g} s")
        return "everything is flushed"

    def _play_note(self, step: Step) -> str:
        figures = self.figures()
        for name, text in (step.note or {}).items():
            self._noted[name] = figures[name] = float(expressions.value(text, figures))
        return ", ".join(f"{name} = {written(figures[name])}" for name in step.note or {})

    def _play_wait(self, step: Step) -> str:
        that = cast("str", step.wait)
        began = time.monotonic()
        while not expressions.value(that, figures := self.figures()):
            if time.monotonic() - began > step.within:
                seen = ", ".join(
                    f"{name} = {written(figures[name])}" for name in expressions.names(that)
                )
                raise StoryFailed(f"{that} did not come true within {step.within:g} s: {seen}")
            if self._stopping.wait(_POLL_SECONDS):
                raise StoryFailed("the act was closed")
        return ", ".join(f"{name} = {written(figures[name])}" for name in expressions.names(that))

    def _operate(self, verb: Verb, keys: Keys | None) -> str:
        assert keys is not None
        if keys.callers == 1 and verb is not Verb.GET:
            return self._write(list(_operations(verb, keys)))
        clients = [Client(self._target()) for _ in range(keys.callers)]
        gate = threading.Barrier(len(clients))

        def run(client: Client) -> None:
            gate.wait()
            for operation in _operations(verb, keys):
                if self._stopping.is_set():
                    return
                client.do(operation)

        threads = [threading.Thread(target=run, args=(client,)) for client in clients[1:]]
        for thread in threads:
            thread.start()
        run(clients[0])
        for thread in threads:
            thread.join()
        tally = total(client.tally for client in clients)
        self._tallies.append(tally)
        return _summary(tally)

    def _write(self, writes: list[Operation]) -> str:
        client = Client(self._target())
        # Many writes share one commit; few are made one by one, as each may be refused alone.
        size = _WRITES_AT_ONCE if len(writes) >= _MANY_WRITES else 1
        for first in range(0, len(writes), size):
            if self._stopping.is_set():
                break
            client.write_many(writes[first : first + size])
        self._tallies.append(client.tally)
        return _summary(client.tally)

    def _target(self) -> Target:
        return Target(
            layer=self.stack.layer,
            ledger=self._ledger,
            depth=lambda: self.stack.backlog.depth,
            on_stale=lambda: self.stack.metrics.count("stale"),
        )


def _operations(verb: Verb, keys: Keys) -> Iterator[Operation]:
    names = named(keys.keys)
    numbered = enumerate((key for _ in range(keys.times) for key in names), start=1)
    for number, key in numbered:
        value: bytes | int | None = None
        if verb is Verb.SET:
            value = keys.value.replace("{n}", str(number)).encode().ljust(keys.bytes, b".")
        elif verb is Verb.INCR:
            value = keys.by
        yield Operation(verb, key, value)


def _summary(tally: Tally) -> str:
    parts = []
    if writes := tally.sets + tally.incrs + tally.deletes + tally.expiries:
        parts.append(f"{count_of(writes, 'write')} acknowledged")
    if refused := tally.unavailable_writes + tally.unknown_writes + tally.skipped:
        parts.append(f"{count_of(refused, 'write')} refused")
    if tally.gets:
        parts.append(f"{count_of(tally.gets, 'read')}, {count_of(tally.hits, 'hit')}")
    if tally.stale:
        parts.append(f"{tally.stale:,} STALE")
    if tally.unavailable_reads:
        parts.append(f"{tally.unavailable_reads:,} unavailable")
    return ", ".join(parts)


def _patient(settings: Settings) -> Settings:
    """Return ``settings`` with a Redis timeout of a second, unless they set one: on a busy machine
    Redis answers late, and a story must show only the faults that it injects."""
    redis = settings.redis
    if redis.timeout_seconds != RedisSettings().timeout_seconds:
        return settings
    return replace(settings, redis=replace(redis, timeout_seconds=1.0))
