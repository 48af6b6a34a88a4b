"""Policies: which path a write takes, by key pattern. The first match wins."""

from __future__ import annotations

import difflib
import fnmatch
import re
import reprlib
from collections.abc import Mapping
from enum import StrEnum

from cachedesk.core.errors import ConfigError, InvalidKey


class Policy(StrEnum):
    """The path that a write takes.

    ``WRITE_THROUGH``: committed to the database before it is acknowledged. ``WRITE_BEHIND``:
    durable in the log before it is acknowledged, and applied to the database later.

    >>> Policy("write-behind") == "write-behind"
    True
    """

    WRITE_THROUGH = "write-through"
    WRITE_BEHIND = "write-behind"


def as_policy(name: str | Policy) -> Policy:
    """Return the policy of this name.

    Raises:
        ConfigError: there is no such policy; the message suggests the nearest.
    """
    try:
        return Policy(name)
    except ValueError:
        near = difflib.get_close_matches(
            str(name)[:40].lower(), [str(policy) for policy in Policy], 1, 0.3
        )
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"unknown policy {reprlib.repr(name)}: use 'write-through' or 'write-behind'{hint}"
        ) from None


def glob(pattern: str | bytes) -> re.Pattern[bytes]:
    """Compile a shell-style pattern (``*``, ``?``, ``[abc]``) that matches whole keys, bytewise.

    Raises:
        InvalidKey: it is neither bytes nor a str that is valid Unicode.
    """
    try:
        raw = pattern.encode() if isinstance(pattern, str) else bytes(memoryview(pattern))
    except (UnicodeEncodeError, TypeError):
        raise InvalidKey(f"a key pattern is bytes or valid Unicode, not {pattern!r}") from None
    return re.compile(fnmatch.translate(raw.decode("latin-1")).encode("latin-1"))


class PolicyTable:
    """Patterns in order, compiled into one alternation, so that a lookup is one match.

    >>> table = PolicyTable({"order:*": "write-through", "*:fast": "write-behind"})
    >>> [str(table.of(key)) for key in (b"order:fast", b"views:fast", b"other")]
    ['write-through', 'write-behind', 'write-through']
    """

    def __init__(self, policies: Mapping[str, str | Policy]) -> None:
        """Compile ``policies``, pattern to policy, in their order.

        Raises:
            ConfigError: a policy has an unknown name, or a pattern is empty.
        """
        for pattern, name in policies.items():
            if not pattern:
                raise ConfigError(f"an empty key pattern cannot be given the policy {name!r}")
        self._patterns = list(policies)
        self._policies = [as_policy(name) for name in policies.values()]
        try:
            patterns = [glob(pattern).pattern for pattern in policies]
        except InvalidKey as error:
            raise ConfigError(str(error)) from None
        self._match = re.compile(b"|".join(b"(%s)" % one for one in patterns) or b"(?!)").match

    def of(self, key: bytes) -> Policy:
        """Return the policy of ``key``: write-through if no pattern matches."""
        match = self._match(key)
        if match is None or match.lastindex is None:
            return Policy.WRITE_THROUGH
        return self._policies[match.lastindex - 1]

    def pattern_of(self, key: bytes) -> str:
        """Return the first pattern that matches ``key``; empty if none does."""
        match = self._match(key)
        if match is None or match.lastindex is None:
            return ""
        return self._patterns[match.lastindex - 1]
