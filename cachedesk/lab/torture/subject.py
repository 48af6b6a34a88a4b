"""The process under test: it opens the data directory, works, breaks itself, and gets killed.

It is forked from the judge, which has nothing but one thread, and talks back through a pipe: one
line per broken promise. What it promised to its clients is in the expected state.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cachedesk.engine import failpoints
from cachedesk.engine.commands import (
    Command,
    EvictAll,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    SetBatch,
    StepWorker,
)
from cachedesk.engine.errors import CachedeskError, Unavailable
from cachedesk.engine.settings import (
    DatabaseSettings,
    LogSettings,
    RedisSettings,
    Settings,
    WorkerSettings,
)
from cachedesk.engine.snapshot import Books
from cachedesk.engine.stack import Stack
from cachedesk.lab.torture import plan
from cachedesk.lab.torture.clients import Client, Histories
from cachedesk.lab.torture.expected import Expected

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Orders:
    """What one process is to do.

    ``cycle_seed`` decides its settings and its faults; ``failpoints`` are armed before the stack
    is opened, as ``point=terms;…``; ``seconds`` is how long it works before it closes in order;
    ``faults``: whether random faults strike.
    """

    data: Path
    expected: Path
    hits: Path
    plan_seed: int
    cycle_seed: int
    seconds: float
    failpoints: str = ""
    faults: bool = True


def fork(orders: Orders, base: list[tuple[int, bytes | None]]) -> tuple[int, int]:
    """Start a process under test.

    Args:
        orders: what to do.
        base: each key's (version, value) as the judge last found it.

    Returns:
        Its pid, and the end of a pipe to read what it accuses the stack of.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(orders, base, writing)
    os.close(writing)
    return pid, reading


def random_settings(seed: int) -> Settings:
    """Return the settings of a cycle: sizes at which every branch is taken."""
    dice = random.Random(seed)
    return Settings(
        redis=RedisSettings(
            maxmemory_bytes=dice.choice((2, 64)) * _MEBIBYTE,
            eviction_policy=dice.choice(("allkeys-lru", "allkeys-random", "noeviction")),
        ),
        log=LogSettings(
            limit_events=dice.choice((50, 1_000_000, 1_000_000)),
            when_full=dice.choice(("block", "reject", "write-through")),
            block_seconds=0.05,
        ),
        worker=WorkerSettings(
            batch_events=dice.choice((1, 7, 100, 1_000)),
            batch_age_seconds=dice.choice((0.0, 0.01, 0.1, 0.5)),
            retry_seconds=0.005,
            retry_max_seconds=0.1,
        ),
        database=DatabaseSettings(write_seconds=dice.choice((0.1, 0.5))),
    )


def _live(orders: Orders, base: list[tuple[int, bytes | None]], writing: int) -> NoReturn:
    def accuse(sentence: str) -> None:
        os.write(writing, sentence.encode(errors="replace").replace(b"\n", b" ")[:4000] + b"\n")

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 0
    try:
        if orders.failpoints:
            failpoints.count_in(orders.hits)
            failpoints.arm_from(orders.failpoints)
        _work(orders, base, accuse)
    except BaseException:  # noqa: BLE001 - the judge must hear of anything
        accuse(traceback.format_exc().replace("\n", " | "))
        status = 3
    # Not a normal exit: what the judge's process registered is not this one's to clean up.
    os._exit(status)


def _work(
    orders: Orders, base: list[tuple[int, bytes | None]], accuse: Callable[[str], None]
) -> None:
    stack = Stack(orders.data, random_settings(orders.cycle_seed))
    expected, histories = Expected(orders.expected), Histories(base)
    stop = threading.Event()
    clients = [
        Client(number, orders.plan_seed, stack.layer, expected, histories, accuse)
        for number in range(plan.CLIENTS)
    ]
    threads = [
        threading.Thread(target=_watched, args=(client, stop, accuse), daemon=True)
        for client in clients
    ]
    for thread in threads:
        thread.start()
    dice = random.Random(orders.cycle_seed)
    waited = threading.Event()
    left = orders.seconds
    while left > 0:
        pause = dice.uniform(0.005, 0.06)
        waited.wait(pause)
        left -= pause
        if orders.faults:
            _strike(stack, dice)
        books = stack.pending.books()
        if not books.balanced:
            accuse(f"the books do not balance: {_in_words(books)}")
    stack.perform(Heal())
    stop.set()
    for thread in threads:
        thread.join()
    _drain(stack, accuse)
    stack.close()


def _drain(stack: Stack, accuse: Callable[[str], None]) -> None:
    """Drain, so that an event which nobody would ever flush is noticed."""
    try:
        stack.layer.drain(10)
    except Unavailable as error:
        accuse(f"the drain did not end: {error}")
    books = stack.pending.books()
    if not books.balanced or books.dead:
        accuse(f"the books after the drain: {_in_words(books)}")


def _watched(client: Client, stop: threading.Event, accuse: Callable[[str], None]) -> None:
    try:
        client.run(stop)
    except BaseException:  # noqa: BLE001 - a client that dies silently would check nothing
        accuse(traceback.format_exc().replace("\n", " | "))


def _strike(stack: Stack, dice: random.Random) -> None:
    strikes: tuple[Command, ...] = (
        Inject("redis.kill"),
        Inject("redis.down"),
        *[Inject("redis.hang")] * 3,
        Inject("worker.crash"),
        Inject("database.lock"),
        *[EvictAll()] * 4,
        PauseWorker(),
        StepWorker(),
        SetBatch(dice.choice((1, 50, 1_000)), dice.choice((0.0, 0.05))),
        ResumeWorker(),
        *[Heal()] * 5,
    )
    if dice.random() < 0.6:
        strike = dice.choice(strikes)
        try:
            stack.perform(strike)
        except CachedeskError:
            # It cannot strike now: another fault is in its way.
            return


def _in_words(books: Books) -> str:
    return (
        f"accepted {books.accepted}, applied {books.applied}, pending {books.pending},"
        f" dead {books.dead}"
    )
