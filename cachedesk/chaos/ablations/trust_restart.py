"""Without a cold restart: what another server brings with it is believed as it is."""

from __future__ import annotations

from cachedesk.stores.redis.admission import Admission
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.verification import Progress, Truths


def trust(connection: RedisConnection, truths: Truths | None, progress: Progress) -> Admission:
    """As ``admission.clear``, and clear nothing."""
    return Admission(trusted=True)
