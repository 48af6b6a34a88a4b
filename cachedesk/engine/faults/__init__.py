"""Faults: real ways to break the stack, as a list of values with the same few verbs.

Nothing here is simulated: the server gets its signal, a second connection holds SQLite's lock,
SQLite says that the disk is full, the worker dies at a failpoint. (The form is that of etcd's
failpoint tests.)
"""

from __future__ import annotations

from cachedesk.engine.faults.catalogue import NAMES, catalogue, check_duration, known, parsed
from cachedesk.engine.faults.desk import FaultDesk
from cachedesk.engine.faults.fault import Fault

__all__ = ["NAMES", "Fault", "FaultDesk", "catalogue", "check_duration", "known", "parsed"]
