"""Failpoints: named places where a test, a story or a user can make a component fail.

Each stack has its own registry, so a point armed in one stack never affects another one in the
same process. Points sit around the durable steps of writes, flushes, opening and closing, and
between steps where a race is possible; ``POINTS`` lists them. (In a name, ``witness`` is the
watermarks file and ``fence`` the wait for the lock of a key.) While nothing is armed, a point costs
one falsy check. Terms follow the grammar of fail-rs (https://docs.rs/fail):
``[p%][n*]action[(arg)]`` joined by ``->``, where a term is used ``n`` times before the next one
takes over. Actions: ``off``,
``raise(Name)``, ``sleep(milliseconds)``, ``pause``, ``crash``, ``kill``.
"""

from __future__ import annotations

import difflib
import mmap
import os
import random
import re
import signal
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cachedesk.core import errors
from cachedesk.core.errors import CacheError, ConfigError

Reach = Callable[[str], None]
"""Reports that a point is reached: ``Failpoints.reach`` of one stack."""

POINTS = (
    "boot.lock.after",
    "boot.orphan.after",
    "boot.database.after",
    "boot.log.after",
    "boot.epoch.before",
    "boot.index.mid",
    "boot.witness.before",
    "boot.witness.after",
    "boot.serve.before",
    "redis.start.after",
    "redis.admit.before",
    "redis.admit.after",
    "redis.verify.mid",
    "redis.reply.lost",
    "through.fence.before",
    "through.begin.before",
    "through.apply.mid",
    "through.commit.before",
    "through.commit.after",
    "through.cache.before",
    "through.cache.after",
    "through.receipt.before",
    "log.append.before",
    "log.append.before_commit",
    "log.append.after_commit",
    "log.append.after",
    "behind.cache.before",
    "behind.cache.after",
    "behind.receipt.before",
    "worker.read.after",
    "worker.apply.begin",
    "worker.coalesce.after",
    "worker.apply.mid_batch",
    "worker.apply.before_commit",
    "worker.apply.after_commit",
    "worker.settle.after",
    "worker.ack.before",
    "worker.ack.after",
    "worker.trim.before",
    "worker.trim.after",
    "worker.purge.before",
    "worker.purge.after",
    "repair.miss.after",
    "repair.overlay.after",
    "repair.row.after",
    "repair.fill.before",
    "repair.fill.after",
    "close.worker.before",
    "close.worker.after",
    "close.witness.before",
    "close.witness.after",
)

_NUMBER = struct.Struct("<Q")

_TERM = re.compile(
    r"(?:(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,9})?)%)?(?:(?P<times>[0-9]{1,18})\*)?"
    r"(?P<action>off|raise|sleep|pause|crash|kill)(?:\((?P<argument>[^)]*)\))?"
)


class ComponentCrash(BaseException):
    """Simulates the death of a component. Not an ``Exception``: no handler of the component may
    catch it, and nothing may be flushed, rolled back or acknowledged while it propagates."""


@dataclass(frozen=True, slots=True)
class _Term:
    action: str
    argument: str
    percent: float
    times: int | None


class HitCounter:
    """Counts how often each point was reached while armed: one 64-bit number per point, in memory
    or in a mapped file, which survives the death of the process."""

    def __init__(self) -> None:
        self._numbers: bytearray | mmap.mmap = bytearray(8 * len(POINTS))
        self._lock = threading.Lock()

    def add(self, point: str) -> None:
        """Count one hit of ``point``."""
        place = 8 * POINTS.index(point)
        with self._lock:
            count = _NUMBER.unpack_from(self._numbers, place)[0]
            _NUMBER.pack_into(self._numbers, place, count + 1)

    def counts(self) -> dict[str, int]:
        """Return the counts that are not zero."""
        counts = (count for (count,) in _NUMBER.iter_unpack(self._numbers))
        return {point: count for point, count in zip(POINTS, counts, strict=True) if count}

    def move_to(self, path: Path) -> None:
        """Continue counting in the file at ``path``, which is created if it does not exist."""
        with path.open("a+b") as file:
            file.truncate(8 * len(POINTS))
            self._numbers = mmap.mmap(file.fileno(), 8 * len(POINTS))


class _Armed:
    """The terms of one armed point and how often each may still be used."""

    def __init__(self, terms: tuple[_Term, ...]) -> None:
        self._left = [[term, term.times] for term in terms]
        self._lock = threading.Lock()

    def draw(self) -> _Term | None:
        with self._lock:
            for slot in self._left:
                term: _Term = slot[0]  # type: ignore[assignment]
                # As in fail-rs: a term that its percentage skips is not used up.
                if slot[1] == 0 or random.random() * 100 >= term.percent:
                    continue
                if slot[1] is not None:
                    slot[1] -= 1  # type: ignore[operator]
                return term
        return None

    @property
    def spent(self) -> bool:
        return all(times == 0 for _, times in self._left)


class Failpoints:
    """The failpoints of one stack. Thread-safe."""

    def __init__(self, text: str = "") -> None:
        """Arm the points in ``text``, as ``arm_from`` does; by default none."""
        self._armed: dict[str, _Armed] = {}
        self._hits = HitCounter()
        self._disarmed = threading.Condition()
        self.arm_from(text)

    def reach(self, point: str) -> None:
        """Report that ``point`` is reached; carry out its action if it is armed."""
        if self._armed and (armed := self._armed.get(point)) is not None:
            term = armed.draw()
            self._hits.add(point)
            if term is not None and term.action != "off":
                self._act(point, term)

    def arm(self, point: str, terms: str) -> object:
        """Arm ``point`` with ``terms``, e.g. ``1*crash`` or ``10%sleep(50)->off``; return a token
        for ``disarm``.

        Raises:
            ConfigError: there is no such point (the message suggests the nearest), or a term is
                malformed.
        """
        armed = self._armed[point] = _armed_with(point, terms)
        return armed

    def arm_from(self, text: str) -> None:
        """Arm from text like that of ``CACHEDESK_FAILPOINTS``: ``point=terms`` joined by ``;``.

        Raises:
            ConfigError: as for ``arm``; nothing is armed.
        """
        wanted: dict[str, _Armed] = {}
        for part in filter(None, (part.strip() for part in text.split(";"))):
            point, equals, terms = part.partition("=")
            if not equals:
                raise ConfigError(f"write a failpoint as point=terms, not {part!r}")
            wanted[point.strip()] = _armed_with(point.strip(), terms.strip())
        self._armed.update(wanted)

    def disarm(self, point: str | None = None, token: object = None) -> None:
        """Disarm ``point`` (with a ``token``: only if that arming is still in force), or all
        points; a thread that is paused there continues."""
        with self._disarmed:
            if point is not None and token is not None and self._armed.get(point) is not token:
                return
            if point is None:
                self._armed.clear()
            else:
                self._armed.pop(point, None)
            self._disarmed.notify_all()

    def armed(self) -> tuple[str, ...]:
        """Return the names of the armed points."""
        return tuple(self._armed)

    def waiting(self) -> tuple[str, ...]:
        """Return the names of the armed points whose terms are not used up."""
        return tuple(point for point, armed in tuple(self._armed.items()) if not armed.spent)

    def spent(self, point: str) -> bool:
        """Return whether ``point`` is armed with terms that are all used up."""
        armed = self._armed.get(point)
        return armed is not None and armed.spent

    def hits(self) -> Mapping[str, int]:
        """Return how often each point was reached while armed."""
        return self._hits.counts()

    def count_in(self, path: Path) -> None:
        """Count in a mapped file from now on, so that the counts survive the process."""
        self._hits.move_to(path)

    def _act(self, point: str, term: _Term) -> None:
        if term.action == "raise":
            error = _exception(term.argument)
            raise error(f"failpoint {point}") if error else AssertionError(term)
        if term.action == "sleep":
            time.sleep(int(term.argument) / 1000)
        elif term.action == "pause":
            with self._disarmed:
                self._disarmed.wait_for(lambda: point not in self._armed)
        elif term.action == "crash":
            raise ComponentCrash(point)
        elif term.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def _armed_with(point: str, terms: str) -> _Armed:
    if point not in POINTS:
        near = difflib.get_close_matches(point, POINTS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"there is no failpoint {point!r}{hint}")
    return _Armed(tuple(_parse(point, term) for term in terms.split("->")))


def _parse(point: str, text: str) -> _Term:
    match = _TERM.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"failpoint {point!r}: cannot read {text!r}; write [p%][n*]action[(arg)], with one of"
            " off, raise(Name), sleep(ms), pause, crash, kill"
        )
    action, argument = match["action"], match["argument"] or ""
    if action == "raise" and not _exception(argument):
        raise ConfigError(f"failpoint {point!r}: there is no error {argument!r} to raise")
    if action == "sleep" and not re.fullmatch("[0-9]{1,9}", argument):
        raise ConfigError(f"failpoint {point!r}: sleep wants milliseconds, not {argument!r}")
    percent = float(match["percent"]) if match["percent"] else 100.0
    return _Term(action, argument, percent, int(match["times"]) if match["times"] else None)


def _exception(name: str) -> type[Exception] | None:
    found = getattr(errors, name, None) or {"OSError": OSError, "CacheError": CacheError}.get(name)
    return found if isinstance(found, type) and issubclass(found, Exception) else None
