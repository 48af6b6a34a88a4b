"""Sessions: keys that expire, and what a read of one may return.

Each is written by one client. A write sets the value anew, so the result does not depend on whether
the value before had expired. The deadline is known within the bounds of the call that set it: a
value must be returned before the earlier bound, and must not be returned after the later one.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable
from typing import NamedTuple

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import OutcomeUnknown, Unavailable
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.lab.torture.expected import Expected, SessionMark
from cachedesk.lab.torture.plan import CLIENTS, SESSIONS

_TTL_SECONDS = (0.002, 0.02, 0.1, 0.4, 3_600.0)
_DAY = 86_400.0
_WRITES = 0.35


class SessionWrite(NamedTuple):
    """One planned call: its ``operations``, and the ``value`` and the ``ttl`` of the session after
    it (``None``: it does not expire)."""

    operations: tuple[tuple[object, ...], ...]
    value: bytes | None
    ttl: float | None
    policy: str


class Life(NamedTuple):
    """A value, and the time before which and after which it may expire, in seconds since 1970."""

    value: bytes | None = None
    earliest: float = math.inf
    latest: float = math.inf

    def may_be(self, value: bytes | None, began: float, ended: float) -> bool:
        """Return whether a read from ``began`` to ``ended`` may have returned ``value``."""
        if value is None:
            return self.value is None or ended >= self.earliest
        return value == self.value and began < self.latest


def session_name(index: int) -> bytes:
    """Return the name of the session number ``index``."""
    return b"session:%d" % index


def session_write(seed: int, index: int, version: int) -> SessionWrite:
    """Return the call that brings the session number ``index`` to ``version``. The first session
    always expires soon, and is written behind."""
    if version == 0:
        return SessionWrite((), None, None, "")
    rng = zlib.crc32(b"%d/session/%d/%d" % (seed, index, version))
    key, value = session_name(index), b"session %d" % version
    ttl = _TTL_SECONDS[(rng >> 4) % len(_TTL_SECONDS)]
    policy = "write-behind" if rng & 1 else "write-through"
    if index == 0:
        return SessionWrite((("set", key, value, 0.002),), value, 0.002, "write-behind")
    match (rng >> 8) % 8:
        case 0 | 1:
            return SessionWrite((("set", key, value, ttl),), value, ttl, policy)
        case 2 | 3:
            calls: tuple[tuple[object, ...], ...] = (("set", key, value), ("expire", key, ttl))
            return SessionWrite(calls, value, ttl, policy)
        case 4:
            # A day is not over before the next operation.
            calls = (("set", key, version - 1, _DAY), ("incr", key, 1), ("expire", key, ttl))
            return SessionWrite(calls, b"%d" % version, ttl, policy)
        case 5:
            calls = (("set", key, value, _DAY), ("persist", key))
            return SessionWrite(calls, value, None, policy)
        case 6:
            return SessionWrite((("set", key, value),), value, None, policy)
        case _:
            return SessionWrite((("delete", key),), None, None, policy)


class SessionHistories:
    """The lives of each session since the process began, by version, for checking reads."""

    def __init__(self, seed: int, expected: Expected) -> None:
        """Start with what the judge found."""
        self._first: list[int] = []
        self._lives: list[list[Life]] = []
        for index in range(SESSIONS):
            mark = expected.session(index)
            value = session_write(seed, index, mark.acknowledged).value
            self._first.append(mark.acknowledged)
            self._lives.append([Life(value, mark.earliest, mark.latest)])

    def put(self, index: int, version: int, life: Life) -> None:
        """Record what a session is from ``version`` on."""
        lives, place = self._lives[index], version - self._first[index]
        if place < len(lives):
            lives[place] = life
        else:
            lives.append(life)

    def between(self, index: int, first: int, last: int) -> list[Life]:
        """Return the lives of the versions ``first`` to ``last``."""
        start = self._first[index]
        return self._lives[index][max(0, first - start) : last - start + 1]


class SessionClient:
    """The part of a client that writes its sessions, and reads all of them."""

    def __init__(  # noqa: PLR0917 - a client is what it is given
        self,
        number: int,
        seed: int,
        layer: CacheLayer,
        expected: Expected,
        histories: SessionHistories,
        report_violation: Callable[[str], None],
    ) -> None:
        """Prepare; the arguments are those of ``TortureClient``."""
        self._number = number
        self._seed = seed
        self._layer = layer
        self._expected = expected
        self._histories = histories
        self._report_violation = report_violation
        self._sessions = list(range(number, SESSIONS, CLIENTS))

    def write_or_read(self, rng: random.Random) -> None:
        """Write one of the client's sessions, or read any session; raises as ``write``."""
        if self._sessions and rng.random() < _WRITES:
            self.write(rng.choice(self._sessions))
        else:
            self.read(rng.randrange(SESSIONS))

    def write(self, index: int) -> bool:
        """Do the next planned call of one of the client's sessions, and check the receipts.

        Returns:
            Whether it was acknowledged; it is not if its outcome is unknown.

        Raises:
            Unavailable: it was not applied, and will not be.
        """
        if index not in self._sessions:
            return False
        mark = self._expected.session(index)
        version = mark.attempted + 1
        planned = session_write(self._seed, index, version)
        began = wall_seconds()
        life = _life(planned, began, math.inf)
        self._histories.put(index, version, life)
        self._expected.attempt_session(index, version, life.earliest)
        try:
            receipts = self._layer.write_many(planned.operations, policy=planned.policy)
        except Unavailable:
            self._expected.attempt_session(index, version - 1)
            raise
        except OutcomeUnknown:
            self._sessions.remove(index)
            return False
        ended = wall_seconds()
        life = _life(planned, began, ended)
        if receipts[-1].value != planned.value:
            self._report_violation(f"{planned} came to {receipts[-1].value!r}")
        if receipts[-1].seq <= mark.seq:
            self._report_violation(
                f"{planned} got the seq {receipts[-1].seq}, not above {mark.seq}"
            )
        self._histories.put(index, version, life)
        self._expected.acknowledge_session(index, version, receipts[-1].seq, life.latest)
        self._expected.tally(self._number, writes=1)
        return True

    def read(self, index: int) -> None:
        """Read a session of any client, and check that the value is fresh and has not expired."""
        first, began = self._expected.session(index).acknowledged, wall_seconds()
        value = self._layer.get(session_name(index))
        ended, last = wall_seconds(), self._expected.session(index).attempted
        lives = self._histories.between(index, first, max(first, last))
        if not any(life.may_be(value, began, ended) for life in lives):
            self._report_violation(
                f"{session_name(index)!r} read {value!r} from {began!r} to {ended!r}; its versions"
                f" {first} to {last} are {lives!r}"
            )
        self._expected.tally(self._number, reads=1)


def check_sessions(
    seed: int, expected: Expected, values: dict[bytes, bytes], began: float, ended: float
) -> list[str]:
    """Compare the sessions in ``values``, which are taken out, with the expected state, and settle
    it; return every broken promise as a sentence.

    Args:
        seed: of the plan.
        expected: what was attempted and acknowledged.
        values: all keys that are there.
        began: before they were read, in seconds since 1970.
        ended: after it.
    """
    broken: list[str] = []
    for index in range(SESSIONS):
        mark = expected.session(index)
        value = values.pop(session_name(index), None)
        lives = {
            version: _remembered(seed, index, version, mark, ended)
            for version in range(mark.acknowledged, max(mark.attempted, mark.acknowledged) + 1)
        }
        fitting = [it for it, life in lives.items() if life.may_be(value, began, ended)]
        if not fitting:
            broken.append(
                f"{session_name(index)!r} is {value!r} from {began!r} to {ended!r}; its versions"
                f" are {lives!r}"
            )
            fitting = [mark.acknowledged]
        found = lives[fitting[-1]]
        expected.settle_session(index, fitting[-1], found.earliest, found.latest)
    return broken


def read_sessions(seed: int, expected: Expected, layer: CacheLayer) -> list[str]:
    """Read each session through a stack that was opened on settled files; return every broken
    promise as a sentence."""
    broken: list[str] = []
    for index in range(SESSIONS):
        mark = expected.session(index)
        value = session_write(seed, index, mark.acknowledged).value
        life = Life(value, mark.earliest, mark.latest)
        for _ in range(2):
            began = wall_seconds()
            found = layer.get(session_name(index))
            if not life.may_be(found, began, wall_seconds()):
                broken.append(f"{session_name(index)!r} read {found!r} after recovery: {life!r}")
    return broken


def _life(planned: SessionWrite, began: float, ended: float) -> Life:
    """Return the life of what a call that lasted from ``began`` to ``ended`` has written."""
    if planned.ttl is None:
        return Life(planned.value)
    return Life(planned.value, began + planned.ttl, ended + planned.ttl)


def _remembered(seed: int, index: int, version: int, mark: SessionMark, now: float) -> Life:
    planned = session_write(seed, index, version)
    if version == mark.acknowledged:
        return Life(planned.value, mark.earliest, mark.latest)
    if planned.ttl is None:
        return Life(planned.value)
    return Life(planned.value, mark.attempted_earliest, now + planned.ttl)
