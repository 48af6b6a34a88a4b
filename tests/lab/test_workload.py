"""Workloads: endless, realistic, and the same for the same seed."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from cachedesk.core.errors import ConfigError
from cachedesk.core.events import as_key
from cachedesk.core.policy import PolicyTable
from cachedesk.core.settings import DEFAULT_POLICIES
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.load.workload import Zipf, article, workload


def _some(seed: int, count: int = 20_000) -> list[Operation]:
    return list(islice(article(seed), count))


def test_the_same_seed_gives_the_same_stream() -> None:
    assert _some(7) == _some(7)
    assert _some(7) != _some(8)


def test_most_operations_read_and_views_lead() -> None:
    operations = _some(1)
    reads = [operation for operation in operations if operation.op is Verb.GET]
    assert 0.8 < len(reads) / len(operations) < 0.9
    assert sum(read.key.startswith(b"views:") for read in reads) > len(reads) / 2


def test_every_kind_of_data_is_written_by_its_own_path() -> None:
    table = PolicyTable(DEFAULT_POLICIES)
    kinds: dict[str, set[bytes]] = {}
    for op, key, *_ in _some(1):
        if op is not Verb.GET:
            kinds.setdefault(str(table.of(as_key(key))), set()).add(key.split(b":")[0])
    assert kinds == {
        "write-behind": {b"views", b"likes", b"active", b"session", b"analytics"},
        "write-through": {b"order", b"payment", b"balance"},
    }


def test_values_suit_their_operation() -> None:
    kinds = {Verb.GET: type(None), Verb.DELETE: type(None), Verb.SET: bytes, Verb.INCR: int}
    assert all(type(value) is kinds[op] for op, _, value, _ in _some(1))


def test_ranks_follow_zipf() -> None:
    zipf, chance = Zipf(100, 1.0), random.Random(1)
    drawn = Counter(zipf.draw(chance) for _ in range(50_000))
    assert set(drawn) == set(range(100))
    assert drawn[0] / drawn[9] == pytest.approx(10, rel=0.2)


def test_a_misspelt_workload_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'article'"):
        workload("artikel")
