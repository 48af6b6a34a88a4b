"""The catalog of the default stores: what ``--fault`` takes before any stack is open."""

from __future__ import annotations

from cachedesk.chaos.catalog import catalog_of
from cachedesk.stores.embedded import faults

CATALOG = catalog_of(cache=faults.CACHE, database=faults.DATABASE, log=faults.LOG)
NAMES = CATALOG.names
parsed, known, check_duration = CATALOG.parsed, CATALOG.known, CATALOG.check_duration
