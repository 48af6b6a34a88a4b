"""The house: whatever a process under test leaves that it should not is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cachedesk.lab.torture import leftovers
from cachedesk.lab.torture.job import TorturePaths


@pytest.fixture
def place(tmp_path: Path) -> TorturePaths:
    place = TorturePaths(tmp_path, tmp_path / "sockets")
    place.sockets.mkdir()
    place.data.mkdir()
    for name in ("cachedesk.db", "lock"):
        (place.data / name).touch()
    return place


def test_a_close_in_order_leaves_the_files_and_nothing_else(place: TorturePaths) -> None:
    assert leftovers.left_behind(place, killed=False) == []


@pytest.mark.parametrize("name", ["cachedesk.db-wal", "redis.state", "redis.new"])
def test_what_is_under_way_may_be_left_by_a_kill_only(place: TorturePaths, name: str) -> None:
    (place.data / name).touch()
    assert leftovers.left_behind(place, killed=True) == []
    said = [f"the file {name} was left in the data directory"]
    assert leftovers.left_behind(place, killed=False) == said


def test_a_file_that_nobody_knows_is_never_right(place: TorturePaths) -> None:
    (place.data / "rows.tmp").touch()
    assert leftovers.left_behind(place, killed=True) == [
        "the file rows.tmp was left in the data directory"
    ]


def test_a_folder_is_found_again_only_if_the_state_names_it(place: TorturePaths) -> None:
    folder = place.sockets / "cachedesk-1"
    folder.mkdir()
    assert leftovers.left_behind(place, killed=True) == [f"{folder} was left behind"]
    (place.data / "redis.state").write_bytes(msgspec.json.encode({"folder": str(folder)}))
    assert leftovers.left_behind(place, killed=True) == []


def test_a_process_that_outlives_its_parent_is_named(
    place: TorturePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_GONE_SECONDS", 0.05)
    words = [sys.executable, "-c", "input(1)", str(place.sockets)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        # Before it is the program, it has no command line.
        assert server.stdout is not None
        assert server.stdout.read(1) == b"1"
        said = leftovers.left_behind(place, killed=True)
        server.communicate(b"\n")
    assert said == [f"process {server.pid} outlived its parent"]


def test_a_descriptor_that_is_left_open_is_counted() -> None:
    before = leftovers.descriptors()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    assert leftovers.descriptors() == before + 1
    os.close(descriptor)
