"""The scheduler: it alone decides who runs next, from a seed, so that a history can be repeated.

Each thread of the engine is an *actor*, a greenlet; one operating-system thread runs them all.
An actor gives way in ``turn`` (anything may happen here) and ``wait`` (nothing can happen until a
condition holds or a time has come). Time is virtual: it creeps on with each step, and jumps when
everybody waits. (The idea is deterministic simulation, as FoundationDB is tested; the strategy
``priority`` is PCT: Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of
Finding Bugs", ASPLOS 2010.)
"""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn
from zlib import crc32

from greenlet import GreenletExit, getcurrent, greenlet

Ready = Callable[[], object]

WALL_CLOCK_SECONDS = 1_750_000_000.0


class Actor:
    """One thread of the model, and what it waits for."""

    __slots__ = (
        *("greenlet", "interrupted", "kind", "name", "number"),
        *("ready", "until", "weight", "where"),
    )

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.kind = name.split(maxsplit=1)[0]
        self.number = number
        self.where = "start"
        self.ready: Ready | None = None
        self.until: float | None = None
        self.weight = 1.0
        self.interrupted = False
        self.greenlet: greenlet = greenlet(lambda: None)

    def place(self) -> str:
        """Return the innermost lines of the engine that it stands in."""
        frame, lines = self.greenlet.gr_frame, []
        while frame is not None and len(lines) < 3:
            if "/engine/" in frame.f_code.co_filename:
                file = frame.f_code.co_filename.rpartition("/")[2]
                lines.append(f"{file}:{frame.f_lineno} {frame.f_code.co_name}")
            frame = frame.f_back
        return " < ".join(lines)


class Scheduler:
    """Runs actors one at a time until all have ended, or one of them stops everything."""

    def __init__(self, seed: int, most_steps: int, longest_seconds: float) -> None:
        """Prepare.

        Args:
            seed: decides every choice.
            most_steps: more steps than this in one ``run`` are a livelock.
            longest_seconds: more virtual seconds than this in one ``run`` are a deadlock in
                which only timers go off.
        """
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self.trace: list[tuple[str, str]] = []
        self.current: Actor | None = None
        self.actors: list[Actor] = []
        self.living: Counter[str] = Counter()
        """How many actors there are, by the first word of their names."""
        self.dying = False
        self.stopped: object = None
        self.fine_rate = 0.0
        self.picking = False
        """Whether it is being found out who can run; nothing gives way meanwhile."""
        self._most_steps, self._longest_seconds = most_steps, longest_seconds
        self._step_limit, self._time_limit = most_steps, longest_seconds
        self._spawned = 0
        self._hub = getcurrent()
        draw = self.random
        self._strategy = draw.choice((self._walk, self._walk, self._weighted, self._priority))
        self._stay = draw.choice((0.0, 0.3, 0.6, 0.9))
        self._tick_seconds = draw.choice((1e-6, 2e-5, 2e-4))
        self._change_rate = draw.choice((0.003, 0.01, 0.04))

    def slow_down(self) -> None:
        """Make steps so short that no deadline passes while any actor can run."""
        self._tick_seconds = 1e-7

    def skip(self, seconds: float) -> None:
        """Let time pass, in which nobody runs."""
        self.now += seconds
        self._time_limit += seconds

    def spawn(self, name: str, call: Callable[[], Any]) -> Actor:
        """Add an actor that does ``call``; it begins when it is chosen."""
        actor = Actor(name, self._spawned)
        self._spawned += 1
        # Some are slow: that opens the long windows in which others overtake them.
        actor.weight = self.random.choice((0.03, 0.3, 1.0, 1.0)) * (1 + self.random.random() / 8)
        actor.greenlet = greenlet(lambda: self._live(actor, call), parent=self._hub)
        self.actors.append(actor)
        self.living[actor.kind] += 1
        return actor

    def run(self) -> object:
        """Run until all actors have ended, or ``stop``; return what it was stopped with."""
        self.stopped = None
        self._step_limit = self.steps + self._most_steps
        self._time_limit = self.now + self._longest_seconds
        while self.actors and self.stopped is None:
            if (actor := self._pick()) is not None:
                self.current = actor
                actor.greenlet.switch()
            self.current = None
        return self.stopped

    def turn(self, where: str, interruptible: bool = True) -> None:
        """Let any actor run, including the caller.

        Raises:
            KeyboardInterrupt: the caller was interrupted, and it is ``interruptible`` here.
        """
        actor = self.current
        if actor is None or self.picking:
            return
        if self.dying:
            raise GreenletExit
        actor.where = where
        self._give_way(actor)
        if actor.interrupted and interruptible:
            actor.interrupted = False
            raise KeyboardInterrupt

    def wait(self, where: str, ready: Ready, seconds: float | None = None) -> bool:
        """Let others run until ``ready()``, or for ``seconds``; return whether it was ready."""
        actor = self.current
        if actor is None:
            raise AssertionError(f"the judge would have to wait ({where})")
        if self.dying:
            raise GreenletExit
        actor.where, actor.ready = where, ready
        actor.until = None if seconds is None else self.now + max(0.0, seconds)
        interruptible = not self._is(ready)
        try:
            self._give_way(actor)
        finally:
            actor.ready = actor.until = None
        if actor.interrupted and interruptible:
            actor.interrupted = False
            raise KeyboardInterrupt
        return self._is(ready)

    def _is(self, ready: Ready) -> bool:
        # It may be a property of the engine, with turns inside.
        self.picking = True
        try:
            return bool(ready())
        finally:
            self.picking = False

    def stop(self, reason: object) -> NoReturn:
        """End the run here, from any actor; ``run`` returns ``reason``."""
        if self.stopped is None:
            self.stopped = reason
        if self.current is not None and getcurrent() is self.current.greenlet:
            self._hub.switch()
        raise GreenletExit

    def drop_everybody(self) -> None:
        """Let all actors die where they are. Nothing they do on the way out has an effect: each
        ``turn`` on it is another death, and every store begins with one."""
        self.dying = True
        for actor in self.actors:
            self.current = actor
            actor.greenlet.throw(GreenletExit)
        self.actors.clear()
        self.living.clear()
        self.current = None
        self.dying = False

    def waiting(self) -> list[str]:
        """Return, for each actor, what it waits for and where."""
        return [
            f"{actor.name}: {'waits for' if actor.ready else 'runs at'} {actor.where}"
            f" [{actor.place()}]"
            for actor in self.actors
        ]

    def fingerprint(self) -> int:
        """Return a hash of this trace."""
        text = "\n".join(f"{name} {where}" for name, where in self.trace).encode()
        return crc32(text) << 32 | crc32(text, 0x5BD1E995)

    def _live(self, actor: Actor, call: Callable[[], Any]) -> None:
        try:
            call()
        except GreenletExit:
            pass
        except BaseException:  # noqa: BLE001 - whatever ends a thread is what is looked for
            if not self.dying and self.stopped is None:
                self.stopped = f"the thread {actor.name} died: {traceback.format_exc()}"
        finally:
            if not self.dying:
                self.actors.remove(actor)
                self.living[actor.kind] -= 1

    def _give_way(self, actor: Actor) -> None:
        chosen = self._pick()
        if chosen is None:
            self._hub.switch()
        elif chosen is not actor:
            self.current = chosen
            chosen.greenlet.switch()

    def _pick(self) -> Actor | None:
        self.steps += 1
        self.now += self._tick_seconds
        if self.steps > self._step_limit:
            return self._give_up("livelock: too many steps")
        self.picking = True
        while True:
            now = self.now
            runnable = [
                actor
                for actor in self.actors
                if actor.ready is None
                or (actor.until is not None and actor.until <= now)
                or actor.interrupted
                or actor.ready()
            ]
            if runnable:
                break
            times = [actor.until for actor in self.actors if actor.until is not None]
            if not times:
                self.picking = False
                return self._give_up("deadlock: everybody waits, and nobody for a time")
            self.now = max(now, min(times))
        self.picking = False
        if self.now > self._time_limit:
            return self._give_up("deadlock: only timers go off")
        actor = runnable[0] if len(runnable) == 1 else self._strategy(runnable)
        self.trace.append((actor.name, actor.where))
        return actor

    def _give_up(self, reason: str) -> None:
        if self.stopped is None:
            self.stopped = "\n  ".join((reason, *self.waiting()))

    def _walk(self, runnable: list[Actor]) -> Actor:
        draw = self.random.random
        if draw() < self._stay and self.current in runnable:
            return self.current  # type: ignore[return-value]
        return runnable[int(draw() * len(runnable))]

    def _weighted(self, runnable: list[Actor]) -> Actor:
        left = self.random.random() * sum(actor.weight for actor in runnable)
        for actor in runnable:
            left -= actor.weight
            if left <= 0:
                return actor
        return runnable[-1]

    def _priority(self, runnable: list[Actor]) -> Actor:
        if self.random.random() < self._change_rate:
            # One actor loses its priority; otherwise each would always run to its end.
            loser = runnable[int(self.random.random() * len(runnable))]
            loser.weight = self.random.random()
        return max(runnable, key=lambda actor: actor.weight)
