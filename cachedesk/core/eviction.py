"""Functions that choose which keys of a cache to evict. Only a share is random."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from cachedesk.core.errors import ConfigError, InvalidKey
from cachedesk.core.patterns import glob

Choice = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Takes some keys of the cache and returns those to evict."""

# 0.1 of 30 keys is exactly 3: floating-point errors must not round it up to 4.
_ROUNDING = 1e-9


def matching(pattern: bytes | str) -> Choice:
    """Choose the keys that match a shell-style ``pattern``, as policies do.

    Raises:
        InvalidKey: it is not a valid pattern.
    """
    matches = glob(pattern).match
    return lambda keys: [key for key in keys if matches(key)]


def matching_command(pattern: str) -> Choice:
    """Like ``matching``, for a pattern that a user typed.

    Raises:
        ConfigError: it is not a valid pattern, or empty.
    """
    if not isinstance(pattern, str) or not pattern:
        raise ConfigError("write which keys to evict as a pattern, like 'views:*'")
    try:
        return matching(pattern)
    except InvalidKey as error:
        raise ConfigError(str(error)) from None


def share_of_all(share: float) -> Choice:
    """Choose this share of all keys at random, rounded up. The result serves one sweep.

    Raises:
        ConfigError: ``share`` is not above 0 and at most 1.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ConfigError(f"a share is more than 0 and at most 1 (0.25 is a quarter), not {share}")
    seen = chosen = 0

    def choose(keys: Sequence[bytes]) -> Sequence[bytes]:
        # As many of each chunk as make the share of all keys seen so far right.
        nonlocal seen, chosen
        seen += len(keys)
        due = math.ceil(share * seen - _ROUNDING) - chosen
        chosen += due
        return random.sample(keys, due)

    return choose
