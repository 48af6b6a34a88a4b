"""Values of commands that come from the environment or from names; imports are deferred."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedesk.core.safeguards import Safeguards


def environment_failpoints() -> str:
    """Return the failpoints in ``CACHEDESK_FAILPOINTS``, as ``point=terms;…``.

    Raises:
        ConfigError: it cannot be parsed.
    """
    from cachedesk.core.failpoints import Failpoints

    text = os.environ.get("CACHEDESK_FAILPOINTS", "")
    Failpoints(text)
    return text


def safeguards_without(without: tuple[str, ...]) -> Safeguards:
    """Return the safeguards with those in ``without`` off."""
    from cachedesk.core.safeguards import Safeguards

    return Safeguards(**dict.fromkeys(without, False))
