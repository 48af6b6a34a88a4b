"""Faults: real ways to break the stack, as a list of values with the same few verbs.

Nothing here is simulated: the server gets its signal, a second connection holds SQLite's lock,
SQLite says that the disk is full, the worker dies at a failpoint. (The form is that of etcd's
failpoint tests.)
"""

from __future__ import annotations

from cachedesk.chaos.catalog import Catalog
from cachedesk.chaos.injector import FaultInjector
from cachedesk.core.fault import Fault

__all__ = ["Catalog", "Fault", "FaultInjector"]
