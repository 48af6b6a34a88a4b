"""Policies: which path the writes of a key take and when its values expire, by key pattern. The
first match wins."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import ConfigError, InvalidValue
from cachedesk.core.expiry import as_ttl
from cachedesk.core.patterns import first_match
from cachedesk.core.write_path import WritePath, as_path

RENEWED_AFTER = 0.1
"""The part of a sliding time to live that passes before a read renews it: a read is then seldom a
write as well."""


def _seconds(time: float | str | None) -> float | None:
    return None if time is None else as_ttl(time)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, eq=False, omit_defaults=True):
    """The path that writes take, and how long values live.

    ``path``: ``"write-through"`` (committed to the database before it is acknowledged) or
    ``"write-behind"`` (durable in the log before it is acknowledged, applied to the database
    later). ``ttl``: the time to live of a value that is set, or of a counter that is begun,
    without a ttl of its own: seconds or a text such as ``"30m"``; ``None``: it never expires.
    ``sliding``: a read gives the value its full ttl again, once a tenth of it has passed.
    ``jitter``: the part of the ttl, 0 to 1, that is shortened at random for each value, so that
    values that were set together do not expire together. ``negative_ttl``: for how long Redis
    records that a key is absent, so that reads of it do not go to the database; a write ends that
    at once. ``None``: not at all. ``stale_on_error``: a read that would raise ``Unavailable``
    returns the last known value instead, if that was true at most so long ago; ``None``: never.

    A policy equals the name of its path, whatever its other fields are.

    >>> Policy("write-behind") == "write-behind"
    True
    >>> Policy("write-behind", ttl="30m", sliding=True, jitter=0.1).ttl_seconds
    1800.0
    """

    WRITE_THROUGH: ClassVar[Policy]
    WRITE_BEHIND: ClassVar[Policy]

    path: WritePath
    ttl: float | str | None = None
    sliding: bool = False
    jitter: float = 0.0
    negative_ttl: float | str | None = None
    stale_on_error: float | str | None = None

    if TYPE_CHECKING:
        # The path may be given as its name.
        def __init__(  # noqa: PLR0917
            self,
            path: WritePath | str,
            ttl: float | str | None = None,
            sliding: bool = False,
            jitter: float = 0.0,
            negative_ttl: float | str | None = None,
            stale_on_error: float | str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Check the fields together.

        Raises:
            ConfigError: the path is unknown, a time or the jitter is out of range, or ``sliding``
                or ``jitter`` is given without a ttl.
        """
        msgspec.structs.force_setattr(self, "path", as_path(self.path))
        if not isinstance(self.sliding, bool):
            raise ConfigError(f"sliding: expected true or false, not {self.sliding!r}")
        if isinstance(self.jitter, bool) or not isinstance(self.jitter, (int, float)):
            raise ConfigError(f"jitter: expected a number from 0 to 1, not {self.jitter!r}")
        if not 0 <= self.jitter < 1:
            raise ConfigError(f"jitter: expected at least 0 and below 1, not {self.jitter!r}")
        if self.ttl is None and (self.sliding or self.jitter):
            raise ConfigError("sliding and jitter need a ttl")
        for time in (self.ttl, self.negative_ttl, self.stale_on_error):
            try:
                _seconds(time)
            except InvalidValue as error:
                raise ConfigError(str(error)) from None

    @property
    def ttl_seconds(self) -> float | None:
        """The time to live in seconds; ``None``: values never expire."""
        return _seconds(self.ttl)

    @property
    def negative_seconds(self) -> float | None:
        """For how long an absent key is cached; ``None``: it is not."""
        return _seconds(self.negative_ttl)

    @property
    def stale_seconds(self) -> float | None:
        """How old a value may be that is served on an error; ``None``: none is."""
        return _seconds(self.stale_on_error)

    def deadline(self, draw: Callable[[], float] = random.random) -> float | None:
        """Return when a value that is written now expires, in seconds since 1970; ``None``: never.

        Args:
            draw: returns a random number from 0 to 1 for the jitter.
        """
        if self.ttl is None:
            return None
        return wall_seconds() + as_ttl(self.ttl) * (1 - self.jitter * draw())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.path == other
        if isinstance(other, Policy):
            return msgspec.structs.astuple(self) == msgspec.structs.astuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.path)

    def __str__(self) -> str:
        parts = [self.path.value]
        if self.ttl is not None:
            parts.append(f"ttl={self.ttl}")
        if self.sliding:
            parts.append("sliding")
        if self.jitter:
            parts.append(f"jitter={self.jitter:g}")
        if self.negative_ttl is not None:
            parts.append(f"negative_ttl={self.negative_ttl}")
        if self.stale_on_error is not None:
            parts.append(f"stale_on_error={self.stale_on_error}")
        return ",".join(parts)


Policy.WRITE_THROUGH = Policy(WritePath.THROUGH)
Policy.WRITE_BEHIND = Policy(WritePath.BEHIND)


def as_policy(policy: object) -> Policy:
    """Return ``policy`` if it is one, or the policy with this text: a path, then any of ``ttl=``,
    ``sliding``, ``jitter=``, ``negative_ttl=`` and ``stale_on_error=``, with commas between.

    Raises:
        ConfigError: the path is unknown, or a field is unknown or invalid.

    >>> as_policy("write-behind,ttl=30m,jitter=0.1").jitter
    0.1
    """
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str) or "," not in policy:
        return _PLAIN[as_path(policy)]
    path, *fields = policy.split(",")
    values: dict[str, object] = {}
    for field in fields:
        name, _, value = field.strip().partition("=")
        if name in ("ttl", "negative_ttl", "stale_on_error") and value:
            values[name] = value
        elif field.strip() == "sliding":
            values["sliding"] = True
        elif name == "jitter" and (number := _as_number(value)) is not None:
            values["jitter"] = number
        else:
            raise ConfigError(
                f"cannot read {field.strip()!r} in a policy: write PATH,ttl=30m,sliding,jitter=0.1,"
                "negative_ttl=5s,stale_on_error=30s"
            )
    return Policy(as_path(path.strip()), **values)  # type: ignore[arg-type]


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


_PLAIN = {path: Policy(path) for path in WritePath}


class PolicyTable:
    """Patterns in order, compiled into one alternation, so that a lookup is one match.

    >>> table = PolicyTable({"order:*": "write-through", "*:fast": "write-behind"})
    >>> [str(table.of(key)) for key in (b"order:fast", b"views:fast", b"other")]
    ['write-through', 'write-behind', 'write-through']
    """

    def __init__(self, policies: Mapping[str, str | Policy]) -> None:
        """Compile ``policies``, pattern to policy, in their order.

        Raises:
            ConfigError: a policy is invalid, or a pattern is empty.
        """
        for pattern, name in policies.items():
            if not pattern:
                raise ConfigError(f"an empty key pattern cannot be given the policy {name!r}")
        self._patterns = list(policies)
        self._policies = [as_policy(policy) for policy in policies.values()]
        self.slides = any(policy.sliding for policy in self._policies)
        """Whether any policy renews what is read."""
        self.expires = any(policy.ttl is not None for policy in self._policies)
        """Whether any policy gives an expiry."""
        self.negative = any(policy.negative_ttl is not None for policy in self._policies)
        """Whether any policy caches that a key is absent."""
        self.serves_stale = any(policy.stale_on_error is not None for policy in self._policies)
        """Whether any policy serves the last known value on an error."""
        self._match = first_match(policies)

    def of(self, key: bytes) -> Policy:
        """Return the policy of ``key``: write-through if no pattern matches."""
        place = self._match(key)
        return Policy.WRITE_THROUGH if place is None else self._policies[place]

    def pattern_of(self, key: bytes) -> str:
        """Return the first pattern that matches ``key``; empty if none does."""
        place = self._match(key)
        return "" if place is None else self._patterns[place]
