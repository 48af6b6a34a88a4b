"""The ring of events: what repeats itself is one line that counts."""

from __future__ import annotations

import pytest

from cachedesk.core.snapshot import EventKind
from cachedesk.core.wording import TIMES
from cachedesk.observe import event_ring
from cachedesk.observe.event_ring import EventRing


def test_repeats_of_a_topic_are_one_event_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(event_ring, "wall_seconds", lambda: now)
    ring = EventRing()
    for at, text in ((1_000.0, "away for 1 s"), (1_005.0, "away for 2 s"), (1_020.0, "for 3 s")):
        now = at
        ring.say(EventKind.INFO, text, topic="bypass")
        if at == 1_000.0:
            assert ring.events()[0].told == "away for 1 s"
            ring.say(EventKind.FAULT, "Redis was killed")
    assert [event.told for event in ring.events()] == [
        "Redis was killed",
        f"{TIMES}3 in 20 s: for 3 s",
    ]
    now = 1_100.0
    ring.say(EventKind.INFO, "again, much later", topic="bypass")
    assert [event.told for event in ring.events()][1:] == [
        f"{TIMES}3 in 20 s: for 3 s",
        "again, much later",
    ]


def test_what_has_no_topic_is_never_folded() -> None:
    ring = EventRing()
    for _ in range(2):
        ring.say(EventKind.ERROR, "the same")
    assert [event.told for event in ring.events()] == ["the same", "the same"]
