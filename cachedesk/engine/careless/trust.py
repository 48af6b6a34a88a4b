"""Without a cold restart: what another server brings with it is believed as it is."""

from __future__ import annotations

from cachedesk.engine.admission import Admission
from cachedesk.engine.redis_wire import RedisWire
from cachedesk.engine.verify import Progress, Truths


def trust(wire: RedisWire, truths: Truths | None, progress: Progress) -> Admission:
    """As ``admission.clear``, and clear nothing."""
    return Admission(trusted=True)
