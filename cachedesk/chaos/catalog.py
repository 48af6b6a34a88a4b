"""The catalog: all kinds of fault, in the order in which they are healed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import TypeVar

from cachedesk.chaos.poison_event import LogPoison
from cachedesk.chaos.process_kill import ProcessKill
from cachedesk.chaos.worker_crash import WorkerCrash
from cachedesk.core.errors import ConfigError
from cachedesk.core.fault import Fault

_LONGEST_SECONDS = 86_400.0

T = TypeVar("T")


def in_order(
    *, cache: Iterable[T], worker: T, database: Iterable[T], log: Iterable[T], rest: Iterable[T]
) -> tuple[T, ...]:
    """Return faults, or kinds of fault, in the order in which they are healed.

    The faults of the cache come first: a stopped server must run again before the cache is called.

    Args:
        cache: the faults of the cache.
        worker: the crash of the flush worker.
        database: the faults of the database.
        log: the faults of the log.
        rest: the faults of the whole stack.
    """
    return (*cache, worker, *database, *log, *rest)


class Catalog:
    """Kinds of fault, by name."""

    def __init__(self, kinds: Iterable[type[Fault]]) -> None:
        """List ``kinds``, in this order."""
        self.kinds = {kind.name: kind for kind in kinds}
        self.names = tuple(self.kinds)

    def parsed(self, text: str) -> tuple[str, str]:
        """Return the name and the argument of a fault written as ``name`` or ``name:argument``.

        Raises:
            ConfigError: there is no such fault (the message suggests a similar name), or it does
                not accept the argument.
        """
        name, colon, argument = text.partition(":")
        if name not in self.kinds:
            near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.3)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.names)}"
            raise ConfigError(f"there is no fault {name!r}; {hint}")
        if colon and not argument:
            raise ConfigError(f"the fault {text!r} ends with a colon; write {name!r}")
        self.kinds[name].check(argument)
        return name, argument

    def check_duration(self, text: str, seconds: float) -> None:
        """Check that the fault ``text`` can last for ``seconds``.

        Raises:
            ConfigError: the fault ends by itself, or ``seconds`` is out of range.
        """
        name = self.parsed(text)[0]
        if not self.kinds[name].lasting:
            raise ConfigError(f"{name} passes by itself; it cannot be held for {seconds:g} s")
        if not (math.isfinite(seconds) and 0 < seconds <= _LONGEST_SECONDS):
            raise ConfigError(
                f"a fault is held for more than 0 and at most {_LONGEST_SECONDS:,.0f} seconds,"
                f" not {seconds:g}"
            )

    def known(self, text: str) -> str:
        """Return ``text`` if it names a fault; errors as for ``parsed``."""
        self.parsed(text)
        return text


def catalog_of(
    *,
    cache: Iterable[type[Fault]],
    database: Iterable[type[Fault]],
    log: Iterable[type[Fault]],
) -> Catalog:
    """Return the catalog of a stack whose stores offer these kinds of fault."""
    rest = (LogPoison, ProcessKill)
    return Catalog(in_order(cache=cache, worker=WorkerCrash, database=database, log=log, rest=rest))
