"""Planted bugs: small, plausible faults of the engine's logic, each of which breaks a promise.

A judge that finds nothing proves something only if it finds these. Each is a function that
changes the engine through ``plant`` (pytest's monkeypatch, or anything with its ``setattr``); the
process under test is forked afterwards and carries the bug with it.
"""

from __future__ import annotations

from tests.torture.planted.cache_bugs import CACHE
from tests.torture.planted.disk_bugs import ON_DISK
from tests.torture.planted.expiry_bugs import EXPIRY
from tests.torture.planted.log_bugs import LOG
from tests.torture.planted.plant import Plant
from tests.torture.planted.settings_bugs import BY_INSPECTION
from tests.torture.planted.worker_bugs import WORKER

BUGS = (*WORKER, *CACHE, *LOG, *EXPIRY)
"""Those that random kills must find by themselves; ``ON_DISK``: those that need a failing disk."""

BY_NAME = {bug.__name__: bug for bug in (*BUGS, *ON_DISK)}

__all__ = ["BUGS", "BY_INSPECTION", "BY_NAME", "ON_DISK", "Plant"]
