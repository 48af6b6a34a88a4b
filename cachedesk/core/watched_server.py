"""The port to a server that is only watched: a Redis or Valkey that belongs to another application.

Nothing is written there, and no call counts as a read of a key in the server's own statistics or
makes a key look recently used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cachedesk.core.errors import CachedeskError


class ServerUnreachable(CachedeskError):
    """The watched server gives no answer now; it may later."""


class ServerRefused(CachedeskError):
    """The watched server refuses a command that is needed, or the user who asks."""


@dataclass(frozen=True, slots=True)
class CommandCost:
    """What the server says of one command of all clients: calls, and seconds spent in them."""

    name: str
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """What the server says of itself at one moment.

    Attributes:
        at: when, in seconds of the monotonic clock.
        product: "Redis" or "Valkey".
        version: of the product.
        mode: "standalone", "cluster" or "sentinel".
        role: "master" or "slave", the server's own words.
        uptime_seconds: since its start.
        hits: keyspace hits since its start; the counters below likewise.
        misses: keyspace misses.
        commands: commands of all clients.
        evicted: keys evicted because memory was short.
        expired: keys whose time was up.
        cpu_seconds: CPU time of its main thread.
        memory_bytes: memory used.
        dataset_bytes: memory used by the data; 0 if it does not say.
        maxmemory_bytes: the limit; 0: none.
        eviction_policy: what it evicts at the limit.
        clients: connections.
        keys: keys in the watched database.
        keys_everywhere: keys in all databases.
        costs: what each command has cost.
    """

    at: float
    product: str = "Redis"
    version: str = "?"
    mode: str = "standalone"
    role: str = "master"
    uptime_seconds: float = 0.0
    hits: int = 0
    misses: int = 0
    commands: int = 0
    evicted: int = 0
    expired: int = 0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    dataset_bytes: int = 0
    maxmemory_bytes: int = 0
    eviction_policy: str = ""
    clients: int = 0
    keys: int = 0
    keys_everywhere: int = 0
    costs: tuple[CommandCost, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanPage:
    """Some keys, and the cursor that goes on from there; 0: all were seen."""

    cursor: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OwnCalls:
    """Calls of ours: how many of a command, in how many round trips, which took so many seconds."""

    name: str
    calls: int
    round_trips: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """A window of MONITOR: how long reads are counted, how much longer what follows them is seen,
    and how many lines are taken at most."""

    seconds: float
    tail_seconds: float
    most_lines: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a key was there: its size in bytes, or ``None``."""

    key: bytes
    size: int | None


@dataclass(frozen=True, slots=True)
class MonitorWindow:
    """What MONITOR showed for a short time.

    Attributes:
        lines: in the server's order, our own commands among them.
        marker: how a line ends that asks for ``before`` or ``after``: between the two lines the
            counters of the server and the reads in ``lines`` speak of the same.
        asking: how a line goes on behind the client that asks for figures, marker or not.
        probing: how a line of a probe goes on behind the client; probes are in the order of
            ``probes``.
        probes: what was found of keys while the window was open.
        before: the figures at its first marker.
        after: the figures at its second marker.
        seconds: how long MONITOR was on.
        cut: it was ended early, because more came than is taken.
    """

    lines: tuple[bytes, ...]
    marker: bytes
    asking: bytes
    probing: bytes
    probes: tuple[Probe, ...]
    before: ServerFigures
    after: ServerFigures
    seconds: float
    cut: bool = False


ChooseKeys = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Returns which keys of some new lines of MONITOR to probe at once."""


class WatchedServer(Protocol):
    """A connection to a watched server. Not thread-safe.

    Every call raises ``ServerUnreachable`` when there is no answer, and ``ServerRefused`` when the
    server refuses.
    """

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        ...

    @property
    def database(self) -> int:
        """The number of the watched database."""
        ...

    def figures(self) -> ServerFigures:
        """Return what the server says of itself."""
        ...

    def scan(self, cursor: int, count: int) -> ScanPage:
        """Return about ``count`` keys from ``cursor`` on."""
        ...

    def sizes(self, keys: Sequence[bytes]) -> tuple[int | None, ...]:
        """Return the memory that each key takes with its value, in bytes; ``None``: not there."""
        ...

    def monitor(self, plan: WindowPlan, choose: ChooseKeys) -> MonitorWindow:
        """Look at all commands for a short time, over a connection of its own.

        Args:
            plan: how long.
            choose: called with each new bunch of lines; the keys that it returns are probed.
        """
        ...

    def calls(self) -> tuple[OwnCalls, ...]:
        """Return what this connection has asked so far, by command."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...
