"""Clients: each makes its calls and reports requests and results to the judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cachedesk.core.errors import (
    Closed,
    CounterOverflow,
    LogFull,
    NoDeadLetter,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
    WriteRefused,
)
from cachedesk.core.events import Op
from cachedesk.engine.cache_layer import CacheLayer
from tests.model.judge import Intent, Judge, Step
from tests.model.plan import Call

_REFUSALS = (Unavailable, Closed, NotACounter, CounterOverflow, NoDeadLetter, WriteRefused)
_LONGEST_DRAIN_SECONDS = 0.2


class Client:
    """One client over all lives of the process."""

    def __init__(self, name: str, calls: tuple[Call, ...], judge: Judge, calm: bool) -> None:
        self.name = name
        self._calls = list(calls)
        self._judge = judge
        self._calm = calm
        self._asked: list[Intent] = []

    @property
    def done(self) -> bool:
        """Whether it has no more calls to make."""
        return not self._calls

    def live(self, layer: CacheLayer) -> None:
        """Make the calls that are left."""
        while self._calls:
            call = self._calls.pop(0)
            try:
                self._make(layer, call)
            except KeyboardInterrupt:
                self.die()

    def die(self) -> None:
        """What it had asked for may have been done, or may not."""
        self._judge.interrupted(self._asked)
        self._asked = []

    def _make(self, layer: CacheLayer, call: Call) -> None:
        match call:
            case ("read", key):
                self._read(layer, key)
            case ("get_many", *keys):
                since = [self._judge.begins(key) for key in keys]
                for key, value, begun in zip(
                    keys, self._tried(layer.get_many, keys) or (), since, strict=False
                ):
                    self._judge.saw(self.name, key, value, begun)
            case ("items",):
                self._items(layer)
            case ("evict", pattern):
                # While a snapshot is verified, there is nothing to evict from.
                self._tried(layer.evict, pattern, excused=True)
            case ("drain",):
                self._tried(layer.drain, _LONGEST_DRAIN_SECONDS, excused=True)
            case ("letter", deed):
                self._letter(layer, deed)
            case ("write_many", policy, *changes):
                asked = [(change[1], _step(change)) for change in changes]  # type: ignore[index]
                write = lambda: layer.write_many(changes, policy=policy)  # noqa: E731
                self._write(asked, write, several=len({key for key, _ in asked}) > 1)
            case _:
                raise AssertionError(call)

    def _read(self, layer: CacheLayer, key: bytes) -> None:
        since = self._judge.begins(key)
        read = self._tried(layer.read, key)
        if read is not None:
            self._judge.saw(f"{self.name} ({read.source})", key, read.value, since)

    def _items(self, layer: CacheLayer) -> None:
        since = {key: self._judge.begins(key) for key in self._judge.all_keys()}
        listed = self._tried(lambda: dict(_collected(layer.items())))
        if listed is not None:
            for key, begun in since.items():
                self._judge.saw(f"{self.name} (items)", key, listed.get(key), begun)

    def _letter(self, layer: CacheLayer, deed: str) -> None:
        letters = self._tried(layer.dead_letters)
        if not letters:
            return
        letter = letters[0]
        if deed == "drop":
            self._tried(layer.drop_dead, letter.seq, excused=True)
            return
        step = Step(Op[letter.op.upper()], letter.arg, None, letter.expires_at)
        self._write([(letter.key, step)], lambda: [layer.replay_dead(letter.seq)], several=False)

    def _write(
        self, changes: list[tuple[bytes, Step]], write: Callable[[], list[Any]], several: bool
    ) -> None:
        judge = self._judge
        asked = self._asked = judge.asks(self.name, changes)
        try:
            receipts = write()
        except OutcomeUnknown as error:
            self._expect_trouble(error)
            judge.unknown(asked)
        except _REFUSALS as no:
            if isinstance(no, NotACounter):
                if not any(judge.ever_text(key) for key, _ in changes):
                    raise
            else:
                self._expect_trouble(no)
            if several:
                # The keys of each path are all or none; the other path may have succeeded.
                judge.unknown(asked)
            else:
                judge.failed(asked, no)
        else:
            keys = [key for key, _ in changes]
            judge.acknowledged(asked, list(zip(keys, receipts, strict=True)))
        self._asked = []

    def _tried(self, call: Callable[..., Any], *arguments: Any, excused: bool = False) -> Any:
        try:
            return call(*arguments)
        except (Unavailable, Closed, NoDeadLetter) as error:
            if not excused:
                self._expect_trouble(error)
            return None

    def _expect_trouble(self, error: Exception) -> None:
        if self._calm and not isinstance(error, LogFull):
            raise AssertionError("nothing was broken, and the call failed") from error


def _step(change: Any) -> Step:
    match change:
        case ("set", _, value, *ttl):
            return Step(Op.SET, value, *ttl)
        case ("incr", _, amount):
            return Step(Op.INCR, amount)
        case ("expire", _, ttl):
            return Step(Op.EXPIRE, None, ttl)
        case ("persist", _):
            return Step(Op.EXPIRE, None)
        case ("delete", _):
            return Step(Op.DELETE, None)
    raise AssertionError(change)


def _collected(items: Iterator[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return list(items)
