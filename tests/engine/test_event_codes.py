"""Events carry a code and fields: each code has a text, and each call gives what its code needs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cachedesk
from cachedesk.core.commands import EvictKey, Inject, PauseWorker
from cachedesk.core.engine_event import SPECS, EngineEvent, EventCode, Plain
from cachedesk.observe.event_ring import EventRing
from cachedesk.observe.event_text import text_of
from cachedesk.stack.stack import Stack

OpenStack = Callable[..., Stack]

ROOT = Path(cachedesk.__file__).parent
TEXTS = {
    *("argument", "cached", "error", "eviction_policy", "fault", "kept_by", "key", "op", "path"),
    *("pattern", "point", "reason", "result", "trouble", "truth", "workload"),
}
SAMPLES: dict[str, Plain] = {
    "name": "log",
    "successor": "empty",
    "points": ("worker.apply.begin", "log.append.after"),
    "faults": ("redis.hang", "database.lock"),
    "seqs": (1, 2),
    "verified": None,
}


def _sample(name: str) -> Plain:
    """Return text for a field of text, and a number for any other."""
    return name if name in TEXTS else 3


class Watched(dict[str, Plain]):
    """Fields that remember which of them were asked for."""

    def __init__(self, code: EventCode, **changed: Plain) -> None:
        super().__init__(
            {name: SAMPLES.get(name, _sample(name)) for name in SPECS[code].fields} | changed
        )
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Plain:
        self.asked.add(name)
        return super().__getitem__(name)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call that announces an event, and where it is."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_announcement(node):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def _fields_of(call: ast.Call) -> set[str]:
    """Return the names of the fields that ``EngineEvent(code, {…})`` is given."""
    fields = call.args[1] if len(call.args) > 1 else None
    keys = fields.keys if isinstance(fields, ast.Dict) else []
    return {key.value for key in keys if isinstance(key, ast.Constant)}


def _is_announcement(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    named = isinstance(first, ast.Attribute) and ast.unparse(first).startswith("EventCode.")
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name == "of" or ast.unparse(call.func).endswith("EventSpec"):
        # One looks for an event, the other describes it; neither announces it.
        return False
    return named or name in {
        "_announce",
        "say",
    }


def test_every_code_has_a_kind_and_a_text() -> None:
    assert set(SPECS) == set(EventCode)
    for code in EventCode:
        text = text_of(code, Watched(code))
        assert text, code
        assert "\n" not in text
        assert EngineEvent(code).kind is SPECS[code].kind


@pytest.mark.parametrize("code", EventCode)
def test_a_text_uses_fields_that_its_code_has(code: EventCode) -> None:
    """A field that a text asks for and a code does not list would raise in the engine."""
    for changed in ({}, {"verified": 1}, {"trusted": False, "emptied": False}, {"lost": 0}):
        fields = Watched(code, **{n: v for n, v in changed.items() if n in SPECS[code].fields})
        text_of(code, fields)
        assert fields.asked <= set(SPECS[code].fields)


def test_a_code_names_a_part_and_what_happened_to_it() -> None:
    for code in EventCode:
        part, what = code.value.split(".")
        assert part.replace("_", "a").isalpha(), code
        assert what.replace("_", "a").isalpha(), code
        assert code.name == code.value.upper().replace(".", "_")


def test_every_announcement_gives_a_code_and_the_fields_that_it_needs() -> None:
    found, wrong = set(), []
    for place, call in calls():
        first = ast.unparse(call.args[0]) if call.args else ""
        if not first.startswith("EventCode.") or not (len(call.args) == 1 or _fields_of(call)):
            wrong.append(f"{place}: {ast.unparse(call)}")
            continue
        code = EventCode[first.removeprefix("EventCode.")]
        found.add(code)
        given = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
        given |= _fields_of(call)
        needed = set(SPECS[code].fields)
        spread = any(keyword.arg is None for keyword in call.keywords)
        if not (given <= needed if spread else given == needed):
            wrong.append(f"{place}: {code} needs {sorted(needed)}, is given {sorted(given)}")
    assert wrong == []
    assert found == set(EventCode), "a code that nothing announces"


def test_what_is_shown_has_the_code(open_stack: OpenStack) -> None:
    stack = open_stack()
    stack.layer.set("order:1", b"paid")
    assert stack.perform(EvictKey(b"order:1")) == "order:1 was evicted from Redis"
    said = stack.perform(PauseWorker())
    stack.perform(Inject("redis.empty"))
    events = stack.snapshot().events
    assert [event.code for event in events][-3:] == [
        "redis.key_evicted",
        "worker.paused",
        "fault.injected",
    ]
    assert events[-2].text == said


def test_a_ring_forwards_each_event_as_it_is() -> None:
    seen: list[EngineEvent] = []
    ring = EventRing(seen.append)
    text = ring.add(EventCode.WORKER_CRASHED, point="worker.apply.begin", in_flight=1_200)
    (event,) = seen
    assert (event.code, event.fields) == (
        EventCode.WORKER_CRASHED,
        {"point": "worker.apply.begin", "in_flight": 1_200},
    )
    assert event.at == ring.events()[0].at
    assert text == ring.events()[0].text
    assert "1,200 events in flight" in text
