"""The script: a fixed sequence of a few dozen calls.

It takes every path a few times, so that each failpoint has a few hits and each thread makes a few
hundred durable calls: few enough to inject into all of them. The plan determines the writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

from cachedesk.core.commands import (
    EvictAll,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetBatch,
    StepWorker,
)
from cachedesk.core.errors import CachedeskError, Unavailable
from cachedesk.core.settings import DatabaseSettings, RedisSettings, Settings, WorkerSettings
from cachedesk.core.snapshot import Health
from cachedesk.lab.torture.channel import Channel
from cachedesk.lab.torture.clients import TortureClient
from cachedesk.lab.torture.expected import Expected
from cachedesk.stack.stack import Stack

Disk = Literal["sound", "fails once", "fails for good"]

KEYS = range(12)
_THROUGH, _BEHIND, _MIXED = (0, 4, 8), (1, 5, 9), (2, 3, 6, 7, 10, 11)
_STEP_SECONDS = 0.25
_REDIS_SECONDS = 2.0
_DRAIN_SECONDS = 5.0
_PURGE_SECONDS = 5.0
_HEALED_SECONDS = 5.0
_POLL_SECONDS = 0.002


def script_settings() -> Settings:
    """Return the settings of the script. The worker does nothing until it is stepped; Redis loads
    and verifies a snapshot if an earlier process has left one."""
    return Settings(
        redis=RedisSettings(restart="warm"),
        worker=WorkerSettings(
            batch_events=1_000, batch_age_seconds=3600, retry_seconds=0.005, retry_max_seconds=0.05
        ),
        database=DatabaseSettings(write_seconds=0.5),
    )


class Script:
    """One run of the script, by one client on one thread."""

    def __init__(
        self, stack: Stack, client: TortureClient, expected: Expected, channel: Channel, disk: Disk
    ) -> None:
        """Prepare the script.

        Args:
            stack: the stack under test, opened with ``script_settings``.
            client: owns all of ``KEYS``.
            expected: counts refused calls.
            channel: receives broken promises, and the times of acknowledged writes.
            disk: whether the disk fails: while it does, calls may be refused; after one failure,
                everything must work again without a restart.
        """
        self._stack = stack
        self._client = client
        self._expected = expected
        self._channel = channel
        self._disk = disk

    def play(self) -> None:
        """Make all the calls, up to the drain; two events are left pending."""
        self._perform(PauseWorker())
        self._perform(SetBatch(4, 3600))
        self._write(_BEHIND + _MIXED + _THROUGH)
        self._call(self._client.write_many, _BEHIND + _MIXED[:2], "write-behind")
        self._read(_BEHIND + _MIXED)
        self._call(self._client.sessions.write, 6)
        self._call(self._client.sessions.read, 6)
        self._step()
        self._call(self._client.count, 0)
        self._call(self._client.write_many, _THROUGH[:2] + _MIXED[:3], "write-through")
        self._step()
        self._perform(Inject("redis.kill"))
        self._write(_MIXED)
        self._until(lambda: self._stack.snapshot().redis.health is Health.UP, _REDIS_SECONDS)
        self._read(_MIXED)
        # FLUSHALL makes Redis save an empty snapshot, so this comes after the restart.
        self._perform(EvictAll())
        self._read(_THROUGH + _MIXED[:2])
        self._call(self._client.read, KEYS)
        self._call(self._client.sessions.write, 0)
        self._perform(SetBatch(3, 0.0))
        self._perform(ResumeWorker())
        self._wait_for_purge()
        self._write(_BEHIND + _MIXED)
        self._perform(PauseWorker())
        self._write(_MIXED + _BEHIND)
        self._call(self._client.count, 1)
        self._call(self._client.read_counter, 1)
        self._drain()
        if self._disk == "fails once":
            self._probe()
        self._write(_BEHIND[:2])
        self._check_books()

    def _write(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            self._call(self._client.write, index)

    def _read(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            self._call(self._client.read, [index])

    def _call(self, call: Callable[..., bool | None], *arguments: object) -> bool:
        """Make one call; return whether it was acknowledged or answered."""
        began = time.time()
        try:
            acknowledged = call(*arguments)
        except Unavailable:
            self._expected.tally(0, unavailable=1)
            return False
        except CachedeskError as error:
            self._channel.report_violation(f"{type(error).__name__}: {error}")
            return False
        if acknowledged and self._disk != "sound":
            self._channel.acknowledged(began, time.time())
        return acknowledged is not False

    def _perform(self, command: EvictAll | Inject | PauseWorker | ResumeWorker | SetBatch) -> None:
        try:
            self._stack.perform(command)
        except Unavailable:
            return

    def _step(self) -> None:
        """Flush one batch."""
        depth = self._stack.pending.depth
        self._stack.perform(StepWorker())
        self._until(lambda: self._stack.pending.depth < depth, _STEP_SECONDS)

    def _wait_for_purge(self) -> None:
        """Wait until the session that has expired is purged."""
        seconds = _STEP_SECONDS if self._disk != "sound" else _PURGE_SECONDS
        self._until(lambda: self._stack.snapshot().worker.purged > 0, seconds)

    def _drain(self) -> None:
        try:
            self._stack.layer.drain(_STEP_SECONDS if self._disk != "sound" else _DRAIN_SECONDS)
        except Unavailable as error:
            if self._disk == "sound":
                self._channel.report_violation(f"the drain did not end: {error}")

    def _probe(self) -> None:
        """Check that everything works again without reopening the stack."""
        for policy in ("write-behind", "write-through"):
            if not self._until(lambda path=policy: self._counts(path), _HEALED_SECONDS):  # type: ignore[misc]
                self._channel.report_violation(
                    f"{policy} does not work again after one failed call"
                )
        try:
            self._stack.layer.drain(_HEALED_SECONDS)
        except Unavailable as error:
            self._channel.report_violation(
                f"the worker does not flush again after one failed call: {error}"
            )

    def _counts(self, policy: str) -> bool:
        # The client does not use a counter whose last outcome is unknown.
        return any(self._call(self._client.count, counter, policy) for counter in (2, 3))

    def _check_books(self) -> None:
        books = self._stack.pending.books()
        if not books.balanced or books.dead:
            self._channel.report_violation(f"the books: {books}")

    @staticmethod
    def _until(condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (met := condition()) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return met
