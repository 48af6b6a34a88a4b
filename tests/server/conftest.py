"""Servers that are closed after the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from .running import Running, Up, Wire, running


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    """One server for the many small tests of a module that each use keys of their own."""
    with running() as server:
        yield server


@pytest.fixture
def wire(shared: Running) -> Iterator[Wire]:
    """A bare connection to ``shared``."""
    wire = shared.wire()
    yield wire
    wire.close()


@pytest.fixture
def client(shared: Running) -> Iterator[redis.Redis]:
    """redis-py, connected to ``shared``."""
    with shared.client() as client:
        yield client


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="up-") as path:
        yield Path(path)


@pytest.fixture
def up(folder: Path) -> Iterator[Callable[..., Up]]:
    """Start ``cachedesk up``, always in the same directory."""
    started: list[Up] = []

    def start(*options: str, **environment: str) -> Up:
        started.append(Up(folder, *options, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()
