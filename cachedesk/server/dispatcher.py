"""The dispatcher: it hands the waiting commands of all clients to threads, in groups.

Each *lane* carries out one group at a time. What arrives meanwhile waits, and is the next group: so
the writes of all clients that arrived during one commit share the next one. There is a lane for
reads, one for each path of writes (a database that is locked holds up no write to the log), and one
for what takes long. As no two groups write through one lane at a time, a command that reads and
then writes a key is atomic. A transaction has all lanes to itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from cachedesk.core.write_path import WritePath
from cachedesk.server.executor import Done, Executor
from cachedesk.server.plan import Keyspace, Plan, Survey, Sweep, Transaction
from cachedesk.server.replies import ErrorReply, Reply
from cachedesk.server.surveys import survey

_PARTS_AT_ONCE = 1_000
_log = logging.getLogger("cachedesk.server")


class Lane(Enum):
    """What is carried out one group at a time."""

    READ = "read"
    BEHIND = "write-behind"
    THROUGH = "write-through"
    SURVEY = "survey"


LANE_OF = {WritePath.BEHIND: Lane.BEHIND, WritePath.THROUGH: Lane.THROUGH}
ALL_BUT_SURVEYS = frozenset({Lane.READ, Lane.BEHIND, Lane.THROUGH})


@dataclass(slots=True, eq=False)
class Job:
    """Consecutive commands of one client, which take the same lanes.

    ``parts``: plans, and replies that stand for themselves; or one survey, sweep or transaction.
    ``deliver``: called with replies, in order, once or more often, until each part has its own.
    """

    lanes: frozenset[Lane]
    parts: Sequence[Plan | Reply | Survey | Sweep | Transaction]
    deliver: Callable[[Sequence[Reply]], None]

    @property
    def alone(self) -> bool:
        """Whether it cannot share a group."""
        return isinstance(self.parts[0], (Survey, Sweep, Transaction))


def choose(waiting: Sequence[Job], busy: Collection[Lane]) -> list[list[Job]]:
    """Return the groups of ``waiting`` jobs that can begin now, each for lanes that are free.

    A job is not overtaken by a later one that needs a lane of it, so none waits for ever.
    """
    blocked = set(busy)
    groups: dict[frozenset[Lane], list[Job]] = {}
    sizes: Counter[frozenset[Lane]] = Counter()
    for job in waiting:
        group = groups.get(job.lanes)
        joins = group is not None and not (job.alone or group[0].alone)
        if not blocked.isdisjoint(job.lanes) or sizes[job.lanes] >= _PARTS_AT_ONCE:
            blocked |= job.lanes
        elif group is not None and joins:
            group.append(job)
            sizes[job.lanes] += len(job.parts)
        elif any(not lanes.isdisjoint(job.lanes) for lanes in groups):
            blocked |= job.lanes
        else:
            groups[job.lanes] = [job]
            sizes[job.lanes] += len(job.parts)
    return list(groups.values())


class Dispatcher:
    """Carries out jobs on threads. Used on the thread of one event loop only."""

    def __init__(
        self,
        executor: Executor,
        keyspace: Keyspace,
        on_written: Callable[[Collection[bytes]], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Prepare.

        Args:
            executor: carries out plans and transactions.
            keyspace: carries out surveys.
            on_written: called on the loop with the keys that a group has written.
            loop: the event loop.
        """
        self._executor = executor
        self._keyspace = keyspace
        self._on_written = on_written
        self._loop = loop
        self._waiting: deque[Job] = deque()
        self._busy: set[Lane] = set()
        self._awake = False
        self._threads = {
            lane: ThreadPoolExecutor(1, thread_name_prefix=f"server-{lane.value}") for lane in Lane
        }

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._waiting and not self._busy

    def submit(self, job: Job) -> None:
        """Carry out ``job`` when its lanes are free."""
        self._waiting.append(job)
        self._wake()

    def close(self) -> None:
        """End the threads, after what is under way."""
        for thread in self._threads.values():
            thread.shutdown()

    def _wake(self) -> None:
        # Not at once: first, all clients whose commands have arrived may submit theirs.
        if not self._awake:
            self._awake = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._awake = False
        groups = choose(self._waiting, self._busy)
        if not groups:
            return
        begun = {job for group in groups for job in group}
        self._waiting = deque(job for job in self._waiting if job not in begun)
        for group in groups:
            lanes = group[0].lanes
            self._busy |= lanes
            lane = next(lane for lane in Lane if lane in lanes)
            parts = [part for job in group for part in job.parts]
            under_way = self._loop.run_in_executor(self._threads[lane], self._carry_out, parts)
            under_way.add_done_callback(lambda done, its=group: self._end(its, done.result()))  # type: ignore[misc]

    def _carry_out(self, parts: Sequence[Plan | Reply | Survey | Sweep | Transaction]) -> Done:
        try:
            return self._carried_out(parts)
        except BaseException:  # noqa: BLE001 - a lane that never ends would hold up every client
            _log.exception("a group of commands died")
            error = ErrorReply("ERR outcome unknown: the commands died; see the log of the server")
            return Done([error] * len(parts))

    def _carried_out(self, parts: Sequence[Plan | Reply | Survey | Sweep | Transaction]) -> Done:
        first = parts[0]
        if isinstance(first, Survey):
            return Done([survey(first, self._keyspace)])
        if isinstance(first, Sweep):
            return self._executor.sweep()
        if isinstance(first, Transaction):
            return self._executor.transact(first)
        return self._executor.run(parts)  # type: ignore[arg-type]

    def _end(self, group: Sequence[Job], done: Done) -> None:
        self._busy -= group[0].lanes
        if done.written:
            self._on_written(done.written)
        left: list[Job] = []
        at = 0
        for job in group:
            replies = done.replies[at : at + len(job.parts)]
            at += len(job.parts)
            if len(replies) < len(job.parts):
                job.parts = job.parts[len(replies) :]
                left.append(job)
            if replies:
                job.deliver(replies)
        self._waiting.extendleft(reversed(left))
        if self._waiting:
            self._wake()
