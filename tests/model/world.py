"""The world: one history from its seed, over as many lives of the process as it has.

In each life the real ``Stack`` opens the model's disk, recovers, serves the clients that are left
with something to do, and dies or is closed. After the last fault the judge looks at what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CachedeskError, Damaged, DataDirectoryError
from cachedesk.core.events import WriteEvent
from cachedesk.core.failpoints import Failpoints
from cachedesk.stack.stack import Stack
from tests.model import primitives, redis, stores
from tests.model.chaos import Chaos
from tests.model.clients import Client
from tests.model.disk import Disk
from tests.model.judge import Judge
from tests.model.plan import plan
from tests.model.redis import Server
from tests.model.scheduler import Scheduler

_MOST_STEPS = 60_000
_LONGEST_SECONDS = 300.0
_HEALED_SECONDS = 30.0
_DRAINED_SECONDS = 60.0
_LONGER_THAN_ANY_TTL_SECONDS = 1_000.0
_PURGED_SECONDS = 60.0
_NOT_THE_ENGINE = ("main", "redis", "death", "chaos", "heal")


class BrokenPromise(Exception):
    """What the judge found."""


@dataclass(frozen=True, slots=True)
class History:
    """What one seed came to: ``broken`` says what was wrong, if anything was."""

    seed: int
    broken: str
    steps: int
    lives: int
    fingerprint: int
    trace: tuple[tuple[str, str], ...] = ()


class World:
    """Everything that one history needs."""

    def __init__(self, seed: int) -> None:
        self.plan = plan(seed)
        self.scheduler = Scheduler(seed, _MOST_STEPS, _LONGEST_SECONDS)
        self.judge = Judge(self.accuse)
        self.disk = self.judge.disk = Disk(self.scheduler.random, self.judge)
        self.server = Server(self.scheduler)
        self.server.sole_tenant = seed % 4 == 0
        self.chaos = Chaos(self.scheduler, self.disk, self.server)
        self.lives = self._last = 0
        self._faults = list(self.plan.faults)
        self._deaths = list(self.plan.deaths)
        self._clients = [
            Client(f"client {number}", calls, self.judge, self.plan.calm)
            for number, calls in enumerate(self.plan.calls)
        ]
        if self.plan.calm:
            self.scheduler.slow_down()
        primitives.use(self.scheduler)
        redis.use(self.server)
        stores.use(self.disk)

    def accuse(self, what: str) -> None:
        """Report a broken promise; no actor runs after it."""
        if self.scheduler.current is None:
            raise BrokenPromise(what)
        self.scheduler.stop(what)

    def live(self) -> str:
        """Live all lives; return what was broken, or nothing."""
        try:
            while True:
                ended = self._one_life()
                if ended == "closed":
                    return ""
                if ended not in ("died", "again"):
                    return ended
        except BrokenPromise as error:
            return str(error)
        finally:
            primitives.set_fine_rate(0.0)
            self.scheduler.drop_everybody()
            self.chaos.failpoints.disarm()

    def _one_life(self) -> str:
        scheduler = self.scheduler
        self.lives += 1
        self.judge.reborn()
        self.chaos.failpoints = Failpoints()
        primitives.set_fine_rate(self.plan.fine_rate)
        if self.plan.refusing:
            self.disk.refusing = True
        scheduler.spawn("redis", self.server.serve)
        scheduler.spawn("main", self._main)
        if self._faults:
            scheduler.spawn("chaos", self._break)
        if self._deaths:
            scheduler.spawn("death", self._die)
        ended = str(scheduler.run())
        scheduler.drop_everybody()
        self.chaos.failpoints.disarm()
        self.disk.heal()
        for client in self._clients:
            client.die()
        self.server.end()
        return ended

    def _break(self) -> None:
        while self._faults:
            steps, fault = self._faults.pop(0)
            self.chaos.pause(steps)
            self.chaos.strike(fault)

    def _die(self) -> None:
        self.chaos.pause(self._deaths.pop(0))
        if self.scheduler.random.random() < 0.3:
            self.disk.lose_power()
        self.scheduler.stop("died")

    def _main(self) -> None:
        scheduler = self.scheduler
        try:
            stack = Stack(
                "data",
                self.plan.settings,
                _Told(self.judge),
                failpoints=self.chaos.failpoints,
                stores=stores.MODEL,
            )
        except DataDirectoryError as error:
            unreadable = "cannot be read" in str(error)
            if not self.chaos.disk_was_sick or (isinstance(error, Damaged) and not unreadable):
                raise
            self._see_nobody_left()
            scheduler.stop("died")
        self.chaos.stack = stack
        if self.lives > 1 and not self.plan.calm and scheduler.random.random() < 0.25:
            # What was recovered is all there is to go by.
            self.chaos.strike("database.unreadable")
        for client in self._clients:
            if not client.done:
                scheduler.spawn(client.name, lambda it=client: it.live(stack.layer))  # type: ignore[misc]
        scheduler.wait("the clients", lambda: not self._alive("client") and self._calm_down())
        self.chaos.stack = None
        self._look_at(stack)
        self._close(stack)
        scheduler.stop("again" if self.plan.reopen and self.lives == 1 else "closed")

    def _calm_down(self) -> bool:
        """The clients are done: no more faults, and no more deaths but this one's."""
        if self._alive("heal") or self._faults:
            # What is left of the plan strikes an idle stack.
            return False
        return not self._alive("chaos")

    def _alive(self, name: str) -> bool:
        return self.scheduler.living[name] > 0

    def _close(self, stack: Stack) -> None:
        stack.close()
        self._see_nobody_left()

    def _see_nobody_left(self) -> None:
        names = [actor.name for actor in self.scheduler.actors]
        rest = [name for name in names if name.split()[0] not in _NOT_THE_ENGINE]
        if rest:
            self.accuse(f"the stack was closed, and still there is {', '.join(rest)}")

    def _look_at(self, stack: Stack) -> None:
        """Check that all promises were kept, once no client makes calls any more."""
        self.chaos.heal()
        self.scheduler.slow_down()
        scheduler, judge, layer = self.scheduler, self.judge, stack.layer
        if self.plan.refusing and scheduler.random.random() < 0.5:
            self.disk.refusing = True
        if not scheduler.wait("the admission", lambda: stack.cache.cache.trusted, _HEALED_SECONDS):
            self.accuse("all is well again, and Redis is not admitted")
        try:
            # A log whose commit failed looks at what became of it when it is next written.
            self._write(stack, "write-behind", b"spare")
            layer.drain(_DRAINED_SECONDS)
        except CachedeskError as error:
            self.accuse(f"all is well again, and the log is not drained: {error!r}")
        self._look_into_redis(stack, "after the last call")
        for key in judge.all_keys():
            self._expect(f"the row of {key!r}", self._row(key), judge.truth(key))
            read = self._calmly(lambda: layer.get(key))  # noqa: B023 - called at once
            self._expect(f"a read of {key!r}", read, judge.truth(key))
        listed = self._calmly(lambda: dict(layer.items()))
        there = {key: judge.truth(key) for key in judge.all_keys()}
        self._expect("all items", listed, {k: v for k, v in there.items() if v is not None})
        self._check_books(stack)
        self._outlive_all(stack)
        self._write_again(stack)
        self._look_into_redis(stack, "at the end")

    def _outlive_all(self, stack: Stack) -> None:
        """What expires is absent then, and is purged soon."""
        deadlines = [row.expires_at for row in self.disk.rows.values() if row.expires_at]
        if not deadlines:
            return
        self.scheduler.skip(_LONGER_THAN_ANY_TTL_SECONDS)
        for key in self.judge.all_keys():
            read = self._calmly(lambda: stack.layer.get(key))  # noqa: B023 - called at once
            self._expect(f"{key!r} after all deadlines", read, self.judge.truth(key))
        self._look_into_redis(stack, "after all deadlines")
        purged = lambda: not any(row.expires_at for row in self.disk.rows.values())  # noqa: E731
        if not self.scheduler.wait("the purge", purged, _PURGED_SECONDS):
            self.accuse(f"all has expired, and not all is purged: {self.disk.rows}")
        for key in self.judge.all_keys():
            read = self._calmly(lambda: stack.layer.get(key))  # noqa: B023 - called at once
            self._expect(f"{key!r} after the purge", read, self.judge.truth(key))

    def _write_again(self, stack: Stack) -> None:
        """All paths serve again."""
        for key in self.judge.all_keys():
            for policy in ("write-through", "write-behind"):
                value = self._write(stack, policy, key)
                read = self._calmly(lambda: stack.layer.get(key))  # noqa: B023 - called at once
                self._expect(f"{key!r} after the last write", read, value)

    def _write(self, stack: Stack, policy: str, key: bytes) -> bytes:
        self._last += 1
        value = b"last %d" % self._last
        calls = (("write_many", policy, ("set", key, value)),)
        Client("last", calls, self.judge, calm=True).live(stack.layer)
        return value

    def _check_books(self, stack: Stack) -> None:
        books = stack.pending.books()
        if not books.balanced or books.pending:
            self.accuse(f"the books do not balance: {books}")
        self._expect("what the auditor found", stack.auditor.audit.keys, ())
        self._expect("the number of the dead", books.dead, len(self.disk.dead))

    def _row(self, key: bytes) -> bytes | None:
        row = self.disk.rows.get(key)
        return None if row is None else row.as_of(wall_seconds()).value

    def _look_into_redis(self, stack: Stack, when: str) -> None:
        """What is in Redis now would be read, if it is the server that is trusted."""
        process, cache = self.server.process, stack.cache.cache
        if process is None or not cache.trusted or process.run_id != cache.trusted_server._run_id:
            return
        self.scheduler.wait("late commands", lambda: not self.server.work(), 1.0)
        if cache.trusted and process is self.server.process:
            process.data.expire()
            for name, value in process.data.items():
                key = name.removeprefix(prefix := cache.stored_as(b""))
                if name.startswith(prefix):
                    held = None if value == ABSENT_MARK else value
                    self._expect(f"{key!r} in Redis {when}", held, self.judge.truth(key))
            if not self.server.sole_tenant:
                theirs = {key: process.data.get(key) for key in redis.THEIRS}
                self._expect("what another keeps in Redis", theirs, redis.THEIRS)

    def _calmly(self, call: Callable[[], object]) -> object:
        try:
            return call()
        except CachedeskError as error:
            return f"all is well again, and the call failed: {error!r}"

    def _expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.accuse(f"{what} is {found!r} instead of {expected!r}")


class _Told:
    """The engine's observer."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def applied(self, events: object) -> None:
        self._judge.told(list(events))  # type: ignore[call-overload]

    def injected(self, events: list[WriteEvent]) -> None:
        raise AssertionError("no fault of the model writes")


def run(seed: int, keep_trace: bool = False) -> History:
    """Return the history of ``seed``; the same one each time."""
    world = World(seed)
    broken = world.live()
    scheduler = world.scheduler
    return History(
        seed,
        broken,
        scheduler.steps,
        world.lives,
        scheduler.fingerprint(),
        tuple(scheduler.trace) if keep_trace or broken else (),
    )
