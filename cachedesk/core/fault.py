"""What a fault is: a value with a name, a title and a few verbs, of which each has its own."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

from cachedesk.core.errors import ConfigError

_TIME = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,6})?)(?P<unit>ms|s)")


class Fault(ABC):
    """One real way to break the stack. Used by one thread at a time.

    ``name`` identifies it, ``title`` says what it will do. ``lasting``: it stays until it is
    healed; the others pass by themselves. ``argument``: what may be named behind a colon
    (``worker.crash:worker.ack.before``), in words, empty when nothing may;
    ``choices``: everything that may, where that is a list.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    lasting: ClassVar[bool] = False
    argument: ClassVar[str] = ""
    choices: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def check(cls, argument: str) -> None:
        """See that ``argument`` can be given.

        Raises:
            ConfigError: it cannot; the message says what can.
        """
        if argument:
            raise ConfigError(f"the fault {cls.name} takes nothing behind a colon: {argument!r}")

    def available(self) -> bool:
        """Whether it can be injected now."""
        return not self.obstacle()

    def obstacle(self, argument: str = "") -> str:
        """Return in a few words why it cannot be injected now, empty when it can. Cheap."""
        return ""

    @abstractmethod
    def inject(self, argument: str = "") -> str:
        """Inject it and return a sentence that says what happened.

        Raises:
            CachedeskError: it could not be injected; nothing is broken.
        """

    def heal(self) -> None:  # noqa: B027 - most pass by themselves
        """End it; where there is nothing to end, do nothing.

        Raises:
            CachedeskError: it cannot be ended now; it is as it was.
        """

    def missed(self, argument: str = "") -> str:
        """Return in a few words why it has not struck although it was injected; empty when it has.
        Most strike at once."""
        return ""

    def over(self) -> str:
        """Return in a few words what has ended it meanwhile, empty while it is active. Cheap."""
        return ""


def as_seconds(text: str) -> float:
    """Return the time that ``text`` says, 0 if it says none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return 0.0
    return float(match["number"]) * (0.001 if match["unit"] == "ms" else 1.0)
