"""A process that writes, keeps its own account of what was acknowledged, and is killed.

``main`` is what such a process does. Its failpoints are armed once the stack is open, and those of
``boot`` before.

The account is a mapped file, so that it survives the SIGKILL of its process: for each of two
threads, how many calls were begun and how many returned. What a call does follows from SEED,
the thread and its number alone, so the judge outside can compute what must be there.
"""

from __future__ import annotations

import mmap
import random
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

THREADS = 2
CALLS = 2_000
KEYS = 6
PAIR = struct.Struct("<QQ")
SIZE = THREADS * PAIR.size + 8
READY = THREADS * PAIR.size


def calls(seed: int, thread: int) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """Yield the policy and the operations of each call of a thread, for ever the same."""
    rnd = random.Random(seed * 1_000 + thread)
    for _ in range(CALLS):
        policy = rnd.choice(["write-through", "write-behind"])
        operations: list[tuple[object, ...]] = [("incr", b"shared", 1)]
        for _ in range(rnd.choice([1, 1, 1, 3])):
            key = b"t%d:%d" % (thread, rnd.randrange(KEYS))
            what = rnd.random()
            if what < 0.6:
                operations.append(("incr", key, rnd.randrange(-3, 100)))
            elif what < 0.85:
                operations.append(("set", key, rnd.randrange(1_000)))
            else:
                operations.append(("delete", key))
        yield policy, operations


def work(cache: object, account: mmap.mmap, seed: int, thread: int) -> None:
    """Do the calls of one thread, one after the other."""
    for number, (policy, operations) in enumerate(calls(seed, thread), 1):
        PAIR.pack_into(account, thread * PAIR.size, number, number - 1)
        cache.write_many(operations, policy=policy)  # type: ignore[attr-defined]
        PAIR.pack_into(account, thread * PAIR.size, number, number)


def main(data: str, account_path: str, seed: int, points: str, boot: str) -> None:
    """Open the stack, arm, and write until the end comes."""
    from cachedesk.core.failpoints import Failpoints
    from cachedesk.core.settings import Settings, WorkerSettings
    from cachedesk.stack.stack import Stack

    with Path(account_path).open("r+b") as file:
        account = mmap.mmap(file.fileno(), SIZE)
    settings = Settings(worker=WorkerSettings(batch_events=16, batch_age_seconds=0.005))
    stack = Stack(data, settings, failpoints=Failpoints(boot))
    stack.failpoints.arm_from(points)
    account[READY] = 1
    threads = [
        threading.Thread(target=work, args=(stack.layer, account, seed, thread))
        for thread in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stack.close()
