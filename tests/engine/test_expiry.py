"""A value that expires is absent everywhere from its deadline on, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachedesk.core.clock import wall_seconds

from .scenarios import running
from .until import until

BOTH = pytest.mark.parametrize("policy", ["write-through", "write-behind"])


@BOTH
def test_a_value_is_there_until_it_expires_and_then_absent(policy: str, tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        cache = stack.layer
        began = wall_seconds()
        cache.set("short", "v", ttl="1500ms", policy=policy)
        cache.set("long", "v", ttl="1h", policy=policy)
        while (value := cache.get("short")) is not None and wall_seconds() < began + 60:
            assert value == b"v"
        assert wall_seconds() >= began + 1.49
        assert cache.get_many(["short", "long"]) == [None, b"v"]
        assert dict(cache.items()) == {b"long": b"v"}
        cache.drain(60)
        cache.evict("*")
        assert cache.get_many(["short", "long"]) == [None, b"v"]
        assert stack.snapshot().books.balanced


@BOTH
def test_a_restart_keeps_the_deadline(policy: str, tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        stack.worker.controls.pause()
        stack.layer.set("short", "v", ttl=1.0, policy=policy)
        stack.layer.set("long", "v", ttl=3600, policy=policy)
    with running(tmp_path / "data") as stack:
        assert stack.layer.get("long") == b"v"
        until(lambda: stack.layer.get("short") is None)
        assert dict(stack.layer.items()) == {b"long": b"v"}
