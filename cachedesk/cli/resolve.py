"""What commands take from the environment and from names; heavy modules are imported inside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedesk.core.safeguards import Safeguards


def environment_failpoints() -> str:
    """Return what ``CACHEDESK_FAILPOINTS`` arms, as ``point=terms;…``.

    Raises:
        ConfigError: it cannot be parsed.
    """
    from cachedesk.core.failpoints import Failpoints

    text = os.environ.get("CACHEDESK_FAILPOINTS", "")
    Failpoints(text)
    return text


def safeguards_without(without: tuple[str, ...]) -> Safeguards:
    """Return all safeguards but those in ``without``."""
    from cachedesk.core.safeguards import Safeguards

    return Safeguards(**dict.fromkeys(without, False))
