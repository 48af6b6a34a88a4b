"""Faults: real ways to break the stack, all with the same interface.

They are real: the server gets a signal, a second connection holds SQLite's lock, SQLite reports a
full disk, the worker dies at a failpoint. Only the delay of ``database.slow`` is simulated. (The
design follows etcd's failpoint tests.)
"""

from __future__ import annotations

from cachedesk.chaos.catalog import Catalog
from cachedesk.chaos.injector import FaultInjector
from cachedesk.core.fault import Fault

__all__ = ["Catalog", "Fault", "FaultInjector"]
