"""Planted bugs of expiry: a deadline that one part of the engine loses or ignores."""

from __future__ import annotations

import msgspec

from cachedesk.core.events import coalesce
from cachedesk.engine import local_engine
from cachedesk.engine.overlay import Overlaid
from cachedesk.stores.queue_log import queue_log
from cachedesk.stores.redis import encoding
from cachedesk.stores.sqlite import transaction as transaction_module
from tests.torture.planted.plant import Plant


def deadline_not_logged(plant: Plant) -> None:
    """An event in the log has no deadline, so after a restart its value never expires."""
    encode = queue_log.encode

    def bad(epoch, events):
        return encode(epoch, [msgspec.structs.replace(it, expires_at=None) for it in events])

    plant.setattr(queue_log, "encode", bad)


def deadline_lost_in_a_flush(plant: Plant) -> None:
    """A flush writes the value of a row without its deadline."""

    def bad(rows, events):
        done = coalesce(rows, events)
        lost = {key: row._replace(expires_at=None) for key, row in done.rows.items()}
        return done._replace(rows=lost)

    plant.setattr(local_engine, "coalesce", bad)


def deadline_kept_by_a_set(plant: Plant) -> None:
    """A row that is written anew keeps its former deadline, so a lasting value expires."""
    kept = transaction_module.WRITE_ROW.replace(
        "expires_at=excluded.expires_at", "expires_at=coalesce(excluded.expires_at, expires_at)"
    )
    plant.setattr(transaction_module, "WRITE_ROW", kept)


def expired_row_is_read(plant: Plant) -> None:
    """A row or an event that has expired still stands for its value."""
    plant.setattr(Overlaid, "entry", Overlaid.stored)


def copy_without_a_deadline(plant: Plant) -> None:
    """Redis is never given a deadline that comes."""
    plant.setattr(encoding, "deadline_ms", lambda expires_at: 2**53)


EXPIRY = (
    copy_without_a_deadline,
    deadline_kept_by_a_set,
    deadline_lost_in_a_flush,
    deadline_not_logged,
    expired_row_is_read,
)
