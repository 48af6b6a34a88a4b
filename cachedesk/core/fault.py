"""The base class of faults: a name, a title, and methods to inject and heal the fault."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

from cachedesk.core.errors import ConfigError

_TIME = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,6})?)(?P<unit>ms|s)")


class Fault(ABC):
    """One real way to break the stack. Used by one thread at a time.

    ``name`` identifies it, ``title`` says what it does. ``lasting``: it stays until it is healed;
    other faults end by themselves. ``argument``: what may follow the name after a colon
    (``worker.crash:worker.ack.before``), in words; empty: no argument is allowed.
    ``choices``: the arguments that are allowed, if there is a fixed list.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    lasting: ClassVar[bool] = False
    argument: ClassVar[str] = ""
    choices: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def check(cls, argument: str) -> None:
        """Check that ``argument`` is allowed.

        Raises:
            ConfigError: it is not; the message says what is allowed.
        """
        if argument:
            raise ConfigError(f"the fault {cls.name} takes nothing behind a colon: {argument!r}")

    def available(self) -> bool:
        """Return whether it can be injected now."""
        return not self.obstacle()

    def obstacle(self, argument: str = "") -> str:
        """Return in a few words why it cannot be injected now; empty if it can. Must be fast."""
        return ""

    @abstractmethod
    def inject(self, argument: str = "") -> str:
        """Inject it and return a sentence that describes the result.

        Raises:
            CachedeskError: it could not be injected; nothing is broken.
        """

    def heal(self) -> None:  # noqa: B027 - most faults end by themselves
        """End the fault; do nothing if it is not active.

        Raises:
            CachedeskError: it cannot be ended now and is still active.
        """

    def missed(self, argument: str = "") -> str:
        """Return in a few words why the fault has had no effect yet although it was injected;
        empty once it has. Most take effect at once."""
        return ""

    def armed(self) -> tuple[str, ...]:
        """Return the failpoints at which it was injected and has had no effect yet; ``heal``
        disarms them. Must be fast."""
        return ()

    def over(self) -> str:
        """Return in a few words what has ended it meanwhile; empty while it is active. Must be
        fast."""
        return ""


def as_seconds(text: str) -> float:
    """Return the duration in ``text`` (``500ms``, ``2s``) in seconds; 0 if it is not a duration."""
    match = _TIME.fullmatch(text)
    if match is None:
        return 0.0
    return float(match["number"]) * (0.001 if match["unit"] == "ms" else 1.0)
