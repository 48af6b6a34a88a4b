"""Chaos: the actor that breaks things, and heals them again."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from cachedesk.core.errors import Unavailable
from cachedesk.core.failpoints import POINTS, Failpoints
from cachedesk.stack.stack import Stack
from tests.model.disk import Disk, Outcome
from tests.model.redis import THEIRS, Keys, Server
from tests.model.scheduler import Scheduler

_WORKER_POINTS = [point for point in POINTS if point.startswith(("worker.", "behind.mend"))]
_SUPERVISOR_POINTS = ["redis.start.after", "redis.admit.before", "redis.admit.after"]
_MOST_STEPS_A_FAULT_LASTS = 400


class Chaos:
    """Breaks what a plan says, for as long as chance says."""

    def __init__(self, scheduler: Scheduler, disk: Disk, server: Server) -> None:
        self._scheduler = scheduler
        self._draw: Random = scheduler.random
        self._disk = disk
        self._server = server
        self.stack: Stack | None = None
        self.failpoints = Failpoints()
        self.disk_was_sick = False

    def strike(self, fault: str) -> None:
        """Inject ``fault``; a lasting one is ended some steps later by an actor of its own."""
        deed: Callable[[], Callable[[], None] | None] = getattr(self, "_" + fault.replace(".", "_"))
        self.disk_was_sick |= fault.startswith(("database.", "log."))
        heal = deed()
        if heal is not None:
            steps = self._draw.randint(1, _MOST_STEPS_A_FAULT_LASTS)
            self._scheduler.spawn(f"heal {fault}", lambda: self._later(steps, heal))

    def heal(self) -> None:
        """End everything at once."""
        self.failpoints.disarm()
        self._disk.heal()
        if self._server.process is not None:
            self._server.process.stopped = self._server.process.full = False

    def pause(self, steps: int) -> None:
        """Let others make ``steps`` steps (or wait for some virtual time)."""
        scheduler, until = self._scheduler, self._scheduler.steps + steps
        scheduler.wait("its turn to break", lambda: scheduler.steps >= until, 0.5)

    def _later(self, steps: int, heal: Callable[[], None]) -> None:
        self.pause(steps)
        heal()

    def _redis_kill(self) -> None:
        self._server.end()

    def _redis_hang(self) -> Callable[[], None] | None:
        process = self._server.process
        if process is None:
            return None
        process.stopped = True
        return lambda: setattr(process, "stopped", False)

    def _redis_old(self) -> None:
        """Another server takes the socket, with a snapshot of some time ago."""
        process = self._server.process
        if process is None:
            return
        kept = Keys(process.data)
        self.pause(self._draw.randint(0, 150))
        self._server.begin(kept)

    def _redis_restart_old(self) -> None:
        if self.stack is not None:
            try:
                self.stack.cache.cache.save()
                self.stack.faults  # noqa: B018 - what the desk does is the supervisor's doing
                supervisor = self._supervisor()
                supervisor.restart_with_old(0.5)
            except (Unavailable, AttributeError):
                return

    def _redis_down(self) -> Callable[[], None] | None:
        supervisor = self._supervisor()
        if supervisor is None:
            return None
        supervisor.hold_down()
        return supervisor.release

    def _redis_evict(self) -> None:
        process = self._server.process
        if process is not None and (ours := sorted(process.data.keys() - THEIRS)):
            process.data.take(self._draw.choice(ours))

    def _redis_full(self) -> Callable[[], None] | None:
        process = self._server.process
        if process is None:
            return None
        process.full = True
        return lambda: setattr(process, "full", False)

    def _redis_flush(self) -> None:
        if self._server.process is not None:
            self._server.process.data = Keys(THEIRS)

    def _redis_reply_lost(self) -> None:
        self.failpoints.arm("redis.reply.lost", "1*raise(CacheError)")

    def _worker_crash(self) -> None:
        point = self._draw.choice(_WORKER_POINTS)
        if point == "worker.apply.after_commit" and self._disk.refusing:
            # A burial that only the files know of: what is reckoned meanwhile reckons with it.
            return
        self.failpoints.arm(point, "1*crash")

    def _supervisor_crash(self) -> None:
        action = self._draw.choice(("1*crash", "1*raise(CacheError)"))
        self.failpoints.arm(self._draw.choice(_SUPERVISOR_POINTS), action)

    def _database_lock(self) -> Callable[[], None]:
        self._disk.locked = True
        return lambda: setattr(self._disk, "locked", False)

    def _database_unreadable(self) -> Callable[[], None]:
        self._disk.unreadable = True
        return lambda: setattr(self._disk, "unreadable", False)

    def _database_full(self) -> Callable[[], None]:
        self._disk.full = True
        return lambda: setattr(self._disk, "full", False)

    def _database_commit(self) -> None:
        outcome = self._draw.choice(list(Outcome))
        if outcome is Outcome.DONE and self._disk.refusing:
            # As in ``_worker_crash``.
            return
        self._disk.commit_errors.append(outcome)

    def _log_put(self) -> None:
        self._disk.log_errors.append(("put", self._draw.choice(list(Outcome))))

    def _log_get(self) -> None:
        self._disk.log_errors.append(("get", Outcome.NOTHING))

    def _log_trim(self) -> None:
        self._disk.log_errors.append(("trim", self._draw.choice(list(Outcome))))

    def _time_jump(self) -> None:
        seconds = self._draw.choice((0.01, 0.06, 0.3, 3.0))
        self._scheduler.now += seconds

    def _interrupt(self) -> None:
        """Ctrl-C, in the middle of a client's call."""
        clients = [actor for actor in self._scheduler.actors if actor.name.startswith("client")]
        if clients:
            self._draw.choice(clients).interrupted = True

    def _supervisor(self):  # type: ignore[no-untyped-def]
        return None if self.stack is None else self.stack.cache.supervisor
