"""The ring of events: what repeats itself is one line that counts."""

from __future__ import annotations

import pytest

from cachedesk.core.engine_event import EventCode
from cachedesk.core.wording import TIMES
from cachedesk.observe import event_ring
from cachedesk.observe.event_ring import EventRing


def bypass(ring: EventRing, reason: str) -> None:
    """Add an event that repeats itself."""
    ring.add(
        EventCode.REDIS_BYPASSED,
        reason=reason,
        seconds=0.5,
        emptied=True,
        dropped=0,
        verified=None,
        trusted=False,
        lost=0,
        lost_is_estimate=False,
        kept_by="",
    )


def test_repeats_of_a_topic_are_one_event_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(event_ring, "wall_seconds", lambda: now)
    ring = EventRing()
    for at, reason in ((1_000.0, "first"), (1_005.0, "second"), (1_020.0, "third")):
        now = at
        bypass(ring, reason)
        if at == 1_000.0:
            assert ring.events()[0].full_text == "first; it was bypassed for 500 ms (empty)"
            ring.add(EventCode.REDIS_HUNG)
    assert [event.full_text for event in ring.events()] == [
        "Redis hangs; it is killed and started again",
        f"{TIMES}3 in 20 s: third; it was bypassed for 500 ms (empty)",
    ]
    now = 1_100.0
    bypass(ring, "much later")
    assert [event.times for event in ring.events()][1:] == [3, 1]
    assert {event.code for event in ring.events()[1:]} == {"redis.bypassed"}


def test_what_has_no_topic_is_never_folded() -> None:
    ring = EventRing()
    for _ in range(2):
        ring.add(EventCode.WORKER_CANNOT_FLUSH, error="the same")
    assert [event.full_text for event in ring.events()] == ["the worker cannot flush: the same"] * 2
