"""Explore: run many histories, each from its own seed, and report those that broke a promise.

    python -m tests.model.explore --schedules 50000 --seed 1
    python -m tests.model.explore --replay 4711          # one history again, step by step
    python -m tests.model.explore --bug no_key_locks     # with a planted bug
    python -m tests.model.explore --bugs                 # each planted bug: it must be found
    python -m tests.model.explore --bugs --blind         # … without the seeds known to find it

Exit code 1: a promise was broken (with ``--bugs``: a bug was not found in 6,000 schedules).
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence

_CHUNK = 50
_MOST_FAILURES = 5
_TRACE_LINES = 80
# From seed 1 on one of the bugs hides for 9,000 schedules; at most seeds it is one of 1,500.
_FIRST_HUNTED = 60_000
_LONGEST_HUNT = 6_000

Summary = tuple[int, int, int, str]
"""Of one history: its seed, how many steps, its fingerprint, and what was broken."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.model.explore", description=__doc__)
    parser.add_argument("--schedules", type=int, default=2_000, help="how many histories")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one history, with its trace")
    parser.add_argument("--bug", help="plant this bug of tests.model.planted first")
    parser.add_argument("--bugs", action="store_true", help="hunt all planted bugs")
    parser.add_argument("--blind", action="store_true", help="… and try no known seeds first")
    chosen = parser.parse_args(arguments)

    from tests.model.install import install

    install()
    if chosen.bugs:
        return _hunt_all(_FIRST_HUNTED + chosen.seed, chosen.jobs, chosen.blind)
    if chosen.bug:
        _plant(chosen.bug)
    if chosen.replay is not None:
        return _replay(chosen.replay)
    return _explore(range(chosen.seed, chosen.seed + chosen.schedules), chosen.jobs)


def _plant(bug: str) -> None:
    from tests.model import planted

    (found,) = [each for each in planted.BUGS if each.__name__ == bug]
    found(planted.Plant())


def _hunt_all(seed: int, jobs: int, blind: bool) -> int:
    from tests.model import known_seeds, planted

    names = [bug.__name__ for bug in planted.BUGS]
    known = {} if blind else known_seeds.FOUND
    rest = range(seed, seed + _LONGEST_HUNT)
    hunts = [(name, (*known.get(name, ()), *rest)) for name in names]
    missed = 0
    # A process for each, so that the bug stays in it.
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for (bug, seeds), (schedules, broken) in zip(
            hunts, pool.imap(_hunt, hunts, 1), strict=True
        ):
            found = broken.strip().splitlines()[-1] if broken else "NOT FOUND"
            # It gave itself away: what it is planted in has changed.
            stale = found.startswith(("AttributeError", "NameError", "TypeError"))
            found = f"NOT FOUND, it is out of date: {found}" if stale else found
            missed += stale or not broken
            print(f"{bug}: {schedules} schedules, seed {seeds[schedules - 1]}: {found}", flush=True)
    return int(missed > 0)


def _hunt(hunt: tuple[str, Sequence[int]]) -> tuple[int, str]:
    """Return how many schedules it took to find the bug, and what gave it away."""
    from tests.model.world import run

    bug, seeds = hunt
    _plant(bug)
    for count, seed in enumerate(seeds, 1):
        if broken := run(seed).broken:
            return count, broken
    return len(seeds), ""


def _replay(seed: int) -> int:
    from tests.model.world import run

    history = run(seed, keep_trace=True)
    for number, (name, where) in enumerate(history.trace):
        print(f"{number:6} {name:14} {where}")
    print(_described((seed, history.steps, history.fingerprint, history.broken)))
    return int(bool(history.broken))


def _explore(seeds: range, jobs: int) -> int:
    began = time.monotonic()
    done = steps = failures = 0
    fingerprints: set[int] = set()
    for summary in _summaries(seeds, jobs):
        seed, took, fingerprint, broken = summary
        done += 1
        steps += took
        fingerprints.add(fingerprint)
        if broken:
            failures += 1
            print(_described(summary), _last_steps(seed), sep="\n", flush=True)
            if failures == _MOST_FAILURES:
                break
        if sys.stderr.isatty() and done % _CHUNK == 0:
            rate = done / (time.monotonic() - began)
            print(f"\r{done:,} of {len(seeds):,}, {rate:.0f}/s", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    print(
        f"{done:,} schedules from seed {seeds.start} in {seconds:.1f} s ({done / seconds:.0f}/s),"
        f" {len(fingerprints):,} distinct, {steps:,} steps, {failures} broken"
    )
    return int(failures > 0)


def _summaries(seeds: range, jobs: int) -> Iterator[Summary]:
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    # Forked, so that they have the same patched and instrumented engine.
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for chunk in pool.imap(_run, chunks):
            yield from chunk


def _run(seeds: range) -> list[Summary]:
    from tests.model.world import run

    gc.disable()
    summaries: list[Summary] = []
    for seed in seeds:
        history = run(seed)
        summaries.append((seed, history.steps, history.fingerprint, history.broken))
    gc.collect()
    return summaries


def _described(summary: Summary) -> str:
    seed, steps, fingerprint, broken = summary
    return f"seed {seed}: {broken or 'no promise was broken'} ({steps} steps, {fingerprint:016x})"


def _last_steps(seed: int) -> str:
    from tests.model.world import run

    trace = run(seed, keep_trace=True).trace
    steps = [f"{name}: {where}" for name, where in trace]
    short: list[str] = []
    for step in steps[-_TRACE_LINES:]:
        if not short or short[-1] != step:
            short.append(step)
    return "  " + " | ".join(short) + f"\n  again: python -m tests.model.explore --replay {seed}"


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of keys are iterated in an order that follows from it.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.model.explore", *sys.argv[1:]])
    sys.exit(main())
